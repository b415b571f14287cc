// Tenants, for management: making one together with its first administrator, whose password is shown once.
import { logins } from "/static/logins.js";

export default {
  mixins: [logins],
  methods: {
    empty: () => ({ id: "", name: "", administrator: "", password: "" }),
    administrator(row) {
      this.draft = { ...this.empty(), id: row.id, name: row.name || "" };
      this.begin("administrator");
    },
    tenant() {
      this.draft = this.empty();
      this.begin("create");
    },
    done(outcome) {
      if (outcome.half) {
        this.dialog = "administrator"; // what was typed stays, only the administrator is still to be made
        this.fault = outcome.half;
        return;
      }
      logins.methods.done.call(this, outcome);
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
          <label>{{ texts.id }}<input aria-describedby="hint-id" class="field" v-model.trim="draft.id" required maxlength="64" pattern="[a-z0-9][a-z0-9_\\-]*" :title="texts.id_rule" autocomplete="off" autocapitalize="none" spellcheck="false" autofocus /></label><small id="hint-id">{{ texts.id_rule }}</small>
          <label>{{ texts.name }}<input aria-describedby="hint-name" class="field" v-model.trim="draft.name" maxlength="255" autocomplete="off" /></label><small id="hint-name">{{ texts.name_hint }}</small>
          <h3>{{ texts.first }}</h3>
          <p class="quiet">{{ texts.first_hint }}</p>
        </template>
        <login-name :texts="texts" :label="texts.login_name" v-model="draft.administrator" />
        <login-end :texts="texts" v-model="draft.password" :fault="fault" :busy="busy" @cancel="dialog = null" />
      </form>
    </modal>
    <made-window v-if="dialog === 'made'" :texts="texts" :made="made" @closed="closeMade" />
    </div>`,
};
