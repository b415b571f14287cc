// Administrators: who they are and what each role may do; making one, whose password is shown once; deleting one.
import { asking } from "/static/asking.js";
import Modal from "/static/dialog.js";
import { PasswordChoice, Revealed } from "/static/passwords.js";
import { fill } from "/static/words.js";

const NEW = { name: "", role: "registrar", tenant: "", password: "" };
export default {
  components: { Modal, PasswordChoice, Revealed },
  mixins: [asking],
  props: { rows: Array, more: Boolean, texts: Object, own: String, tenant: String, tenants: Array },
  data: () => ({ dialog: null, row: null, made: null, draft: { ...NEW } }),
  methods: {
    fill,
    create() {
      const { tenant, ...rest } = this.draft;
      this.ask("create", { ...rest, tenant: tenant || this.tenant });
    },
    remove(row) {
      this.row = row;
      this.begin("delete");
    },
    done(outcome) {
      if (outcome.what === "create") {
        this.made = outcome;
        this.draft = { ...NEW };
        this.dialog = outcome.password ? "made" : null;
      } else if (outcome.what === "delete") {
        this.dialog = null;
        this.focusHeading();
      }
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
      <button class="btn primary" type="button" @click="begin('create')">{{ texts.create }}</button>
    </div>
    <p class="quiet">{{ texts.intro }}</p>
    <table class="grid people">
      <caption class="sr">{{ texts.title }}</caption>
      <thead><tr>
        <th scope="col">{{ texts.name }}</th><th v-if="tenants.length" scope="col">{{ texts.tenant }}</th>
        <th scope="col">{{ texts.role }}</th><th scope="col"><span class="sr">{{ texts.actions }}</span></th>
      </tr></thead>
      <tbody>
        <tr v-for="row in rows" :key="row.name" :data-name="row.name">
          <td :data-label="texts.name"><span><b>{{ row.name }}</b> <span v-if="row.name === own" class="tag">{{ texts.you }}</span></span></td>
          <td v-if="tenants.length" :data-label="texts.tenant">{{ row.tenant }}</td>
          <td :data-label="texts.role"><span>{{ texts["role_" + row.role] }} <small class="quiet">{{ texts["may_" + row.role] }}</small></span></td>
          <td data-label="" class="acts"><button class="btn danger" type="button" :aria-label="fill(texts.delete_of, { name: row.name })" @click="remove(row)">{{ texts.delete }}</button></td>
        </tr>
      </tbody>
    </table>
    <p v-if="more"><button class="btn" type="button" @click="$emit('more')">{{ texts.more }}</button></p>

    <modal v-if="dialog === 'create'" :title="texts.create" :close="texts.close" @closed="dialog = null">
      <form class="form" @submit.prevent="create">
        <label>{{ texts.name }}<input class="field" v-model.trim="draft.name" required maxlength="64" pattern="[A-Za-z0-9][A-Za-z0-9._\\-]*" :title="texts.name_rule" autocomplete="off" autocapitalize="none" spellcheck="false" autofocus /><small>{{ texts.name_rule }}</small></label>
        <label v-if="tenants.length">{{ texts.tenant }}<select class="field" v-model="draft.tenant"><option value="">{{ tenant }}</option><option v-for="one in tenants.filter((each) => each !== tenant)" :key="one" :value="one">{{ one }}</option></select></label>
        <fieldset class="choice"><legend>{{ texts.role }}</legend>
          <label v-for="role in ['viewer', 'registrar', 'owner']" :key="role" class="option"><input type="radio" name="role" :value="role" v-model="draft.role" /><span>{{ texts["role_" + role] }}<small>{{ texts["may_" + role] }}</small></span></label>
        </fieldset>
        <password-choice :texts="texts" v-model="draft.password" />
        <p class="fault" role="alert">{{ fault }}</p>
        <footer><button class="btn" type="button" @click="dialog = null">{{ texts.cancel }}</button><button class="btn primary" type="submit" :disabled="busy">{{ texts.create_now }}</button></footer>
      </form>
    </modal>
    <modal v-if="dialog === 'made'" :title="fill(texts.is_made, { name: made.name })" :close="texts.close" @closed="closeMade">
      <revealed :texts="texts" :name="made.name" :password="made.password" />
      <footer><button class="btn" type="button" @click="closeMade">{{ texts.noted }}</button></footer>
    </modal>
    <modal v-if="dialog === 'delete'" :title="fill(texts.delete_of, { name: row.name })" :close="texts.close" @closed="dialog = null">
      <p>{{ texts.delete_means }}</p>
      <p v-if="row.name === own" class="fault">{{ texts.delete_self }}</p>
      <p class="fault" role="alert">{{ fault }}</p>
      <footer><button class="btn" type="button" autofocus @click="dialog = null">{{ texts.cancel }}</button><button class="btn danger" type="button" :disabled="busy" @click="ask('delete', { name: row.name })">{{ texts.delete }}</button></footer>
    </modal>
    </div>`,
};
