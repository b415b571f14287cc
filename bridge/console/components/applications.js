// Applications: programs with a login of their own, and the topics that each reads and writes.
import { asking } from "/static/asking.js";
import Modal from "/static/dialog.js";
import { PasswordChoice, Revealed } from "/static/passwords.js";
import { fill } from "/static/words.js";

export default {
  components: { Modal, PasswordChoice, Revealed },
  mixins: [asking],
  props: { rows: Array, more: Boolean, loaded: Boolean, texts: Object, tenant: String },
  data: () => ({ dialog: null, row: null, made: null, draft: null }),
  created() {
    this.clear();
  },
  methods: {
    fill,
    clear() {
      this.draft = { name: "", read: `devices/${this.tenant}/#`, write: "", password: "" };
    },
    create() {
      const lines = (words) => words.split("\n").map((line) => line.trim()).filter(Boolean);
      this.ask("create", { ...this.draft, read: lines(this.draft.read), write: lines(this.draft.write) });
    },
    remove(row) {
      this.row = row;
      this.begin("delete");
    },
    done(outcome) {
      if (outcome.what === "create") {
        this.made = outcome;
        this.clear();
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
    <div v-if="loaded && !rows.length" class="card empty"><h2>{{ texts.none }}</h2><p>{{ texts.none_hint }}</p></div>
    <table v-if="rows.length" class="grid people">
      <caption class="sr">{{ texts.title }}</caption>
      <thead><tr>
        <th scope="col">{{ texts.name }}</th><th scope="col">{{ texts.read }}</th><th scope="col">{{ texts.write }}</th><th scope="col"><span class="sr">{{ texts.actions }}</span></th>
      </tr></thead>
      <tbody>
        <tr v-for="row in rows" :key="row.name" :data-name="row.name">
          <td :data-label="texts.name"><b>{{ row.name }}</b></td>
          <td v-for="kind in ['read', 'write']" :key="kind" :data-label="texts[kind]">
            <ul v-if="(row[kind] || []).length" class="filters"><li v-for="one in row[kind]" :key="one"><code>{{ one }}</code></li></ul><span v-else class="quiet">{{ texts.nothing }}</span>
          </td>
          <td data-label="" class="acts"><button class="btn danger" type="button" :aria-label="fill(texts.delete_of, { name: row.name })" @click="remove(row)">{{ texts.delete }}</button></td>
        </tr>
      </tbody>
    </table>
    <p v-if="more"><button class="btn" type="button" @click="$emit('more')">{{ texts.more }}</button></p>

    <modal v-if="dialog === 'create'" :title="texts.create" :close="texts.close" @closed="dialog = null">
      <form class="form" @submit.prevent="create">
        <label>{{ texts.name }}<input class="field" v-model.trim="draft.name" required maxlength="64" pattern="[A-Za-z0-9][A-Za-z0-9._\\-]*" :title="texts.name_rule" autocomplete="off" autocapitalize="none" spellcheck="false" autofocus /><small>{{ texts.name_rule }}</small></label>
        <label>{{ texts.read }}<textarea class="field mono" rows="2" v-model="draft.read" spellcheck="false"></textarea><small>{{ fill(texts.filters_hint, { tenant }) }}</small></label>
        <label>{{ texts.write }}<textarea class="field mono" rows="2" v-model="draft.write" spellcheck="false"></textarea><small>{{ fill(texts.write_hint, { tenant }) }}</small></label>
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
      <p class="fault" role="alert">{{ fault }}</p>
      <footer><button class="btn" type="button" autofocus @click="dialog = null">{{ texts.cancel }}</button><button class="btn danger" type="button" :disabled="busy" @click="ask('delete', { name: row.name })">{{ texts.delete }}</button></footer>
    </modal>
    </div>`,
};
