// Administrators: who they are and what each role may do; making one, whose password is shown once; deleting one.
import { logins } from "/static/logins.js";

export default {
  mixins: [logins],
  props: { roles: Object, own: String, tenant: String, tenants: Array },
  computed: {
    others() {
      return this.tenants.filter((each) => each !== this.tenant);
    },
  },
  methods: {
    empty: () => ({ name: "", role: "registrar", tenant: "", password: "" }),
    create() {
      const { tenant, ...rest } = this.draft;
      this.ask("create", { ...rest, tenant: tenant || this.tenant });
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
          <td :data-label="texts.role"><span>{{ roles[row.role].called }} <small class="quiet">{{ roles[row.role].may }}</small></span></td>
          <td data-label="" class="acts"><button class="btn danger" type="button" :aria-label="fill(texts.delete_of, { name: row.name })" @click="remove(row)">{{ texts.delete }}</button></td>
        </tr>
      </tbody>
    </table>
    <p v-if="more"><button class="btn" type="button" @click="$emit('more')">{{ texts.more }}</button></p>

    <modal v-if="dialog === 'create'" :title="texts.create" :close="texts.close" @closed="dialog = null">
      <form class="form" @submit.prevent="create">
        <login-name :texts="texts" :label="texts.name" v-model="draft.name" first />
        <label v-if="tenants.length">{{ texts.tenant }}<select class="field" v-model="draft.tenant"><option value="">{{ tenant }}</option><option v-for="one in others" :key="one" :value="one">{{ one }}</option></select></label>
        <fieldset class="choosing"><legend>{{ texts.role }}</legend>
          <label v-for="(told, role) in roles" :key="role" class="option"><input type="radio" name="role" :value="role" v-model="draft.role" /><span>{{ told.called }}<small>{{ told.may }}</small></span></label>
        </fieldset>
        <login-end :texts="texts" v-model="draft.password" :fault="fault" :busy="busy" @cancel="dialog = null" />
      </form>
    </modal>
    <made-window v-if="dialog === 'made'" :texts="texts" :made="made" @closed="closeMade" />
    <delete-window v-if="dialog === 'delete'" :texts="texts" :name="row.name" :fault="fault" :busy="busy" @closed="dialog = null" @sure="ask('delete', { name: row.name })">
      <p v-if="row.name === own" class="fault">{{ texts.delete_self }}</p>
    </delete-window>
    </div>`,
};
