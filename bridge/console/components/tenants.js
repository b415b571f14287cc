// Tenants, for management: making one together with its first administrator, whose password is shown once.
import { asking } from "/static/asking.js";
import Modal from "/static/dialog.js";
import { PasswordChoice, Revealed } from "/static/passwords.js";
import { fill } from "/static/words.js";

const NEW = { id: "", name: "", administrator: "", password: "" };
export default {
  components: { Modal, PasswordChoice, Revealed },
  mixins: [asking],
  props: { rows: Array, more: Boolean, texts: Object },
  data: () => ({ dialog: null, made: null, draft: { ...NEW } }),
  methods: {
    fill,
    administrator(row) {
      this.draft = { ...NEW, id: row.id, name: row.name || "" };
      this.begin("administrator");
    },
    tenant() {
      this.draft = { ...NEW };
      this.begin("create");
    },
    done(outcome) {
      if (outcome.half) {
        this.dialog = "administrator"; // what was typed stays, only the administrator is still to be made
        this.fault = outcome.half;
        return;
      }
      this.made = outcome;
      this.dialog = outcome.password ? "made" : null;
      this.draft = { ...NEW };
    },
    closeMade() {
      this.made = null; // and with it the password
      this.dialog = null;
    },
  },
  template: `
    <div>
    <div class="page-head">
      <h1>{{ texts.title }}</h1>
      <button class="btn primary" type="button" @click="tenant">{{ texts.create }}</button>
    </div>
    <p class="quiet">{{ texts.intro }}</p>
    <table class="grid people">
      <caption class="sr">{{ texts.title }}</caption>
      <thead><tr><th scope="col">{{ texts.id }}</th><th scope="col">{{ texts.name }}</th><th scope="col">{{ texts.administrators }}</th><th scope="col"><span class="sr">{{ texts.actions }}</span></th></tr></thead>
      <tbody>
        <tr v-for="row in rows" :key="row.id" :data-name="row.id">
          <td :data-label="texts.id"><b>{{ row.id }}</b></td>
          <td :data-label="texts.name">{{ row.name }}</td>
          <td :data-label="texts.administrators"><span v-if="row.administrators.length">{{ row.administrators.join(", ") }}</span><span v-else class="fault">{{ texts.nobody }}</span></td>
          <td data-label="" class="acts"><button class="btn" type="button" :aria-label="fill(texts.administrator_of, { tenant: row.id })" @click="administrator(row)">{{ texts.add_administrator }}</button></td>
        </tr>
      </tbody>
    </table>
    <p v-if="more"><button class="btn" type="button" @click="$emit('more')">{{ texts.more }}</button></p>

    <modal v-if="dialog === 'create' || dialog === 'administrator'" :title="dialog === 'create' ? texts.create : fill(texts.administrator_of, { tenant: draft.id })" :close="texts.close" @closed="dialog = null">
      <form class="form" @submit.prevent="ask(dialog, draft)">
        <template v-if="dialog === 'create'">
          <label>{{ texts.id }}<input class="field" v-model.trim="draft.id" required maxlength="64" pattern="[a-z0-9][a-z0-9_\\-]*" :title="texts.id_rule" autocomplete="off" autocapitalize="none" spellcheck="false" autofocus /><small>{{ texts.id_rule }}</small></label>
          <label>{{ texts.name }}<input class="field" v-model.trim="draft.name" maxlength="255" autocomplete="off" /><small>{{ texts.name_hint }}</small></label>
          <h3>{{ texts.first }}</h3>
          <p class="quiet">{{ texts.first_hint }}</p>
        </template>
        <label>{{ texts.login_name }}<input class="field" v-model.trim="draft.administrator" required maxlength="64" pattern="[A-Za-z0-9][A-Za-z0-9._\\-]*" :title="texts.name_rule" autocomplete="off" autocapitalize="none" spellcheck="false" /><small>{{ texts.name_rule }}</small></label>
        <password-choice :texts="texts" v-model="draft.password" />
        <p class="fault" role="alert">{{ fault }}</p>
        <footer><button class="btn" type="button" @click="dialog = null">{{ texts.cancel }}</button><button class="btn primary" type="submit" :disabled="busy">{{ texts.create_now }}</button></footer>
      </form>
    </modal>
    <modal v-if="dialog === 'made'" :title="fill(texts.is_made, { name: made.name, tenant: made.tenant })" :close="texts.close" @closed="closeMade">
      <revealed :texts="texts" :name="made.name" :password="made.password" />
      <footer><button class="btn" type="button" @click="closeMade">{{ texts.noted }}</button></footer>
    </modal>
    </div>`,
};
