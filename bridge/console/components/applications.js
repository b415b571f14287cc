// Applications: programs with a login of their own, and the topics that each reads and writes.
import { logins } from "/static/logins.js";

export default {
  mixins: [logins],
  props: { loaded: Boolean, tenant: String },
  methods: {
    empty() {
      return { name: "", read: `devices/${this.tenant}/#`, write: "", password: "" };
    },
    create() {
      const lines = (words) => words.split("\n").map((line) => line.trim()).filter(Boolean);
      this.ask("create", { ...this.draft, read: lines(this.draft.read), write: lines(this.draft.write) });
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
        <login-name :texts="texts" :label="texts.name" v-model="draft.name" first />
        <label>{{ texts.read }}<textarea aria-describedby="hint-read" class="field mono" rows="2" v-model="draft.read" spellcheck="false"></textarea></label><small id="hint-read">{{ fill(texts.filters_hint, { tenant }) }}</small>
        <label>{{ texts.write }}<textarea aria-describedby="hint-write" class="field mono" rows="2" v-model="draft.write" spellcheck="false"></textarea></label><small id="hint-write">{{ fill(texts.write_hint, { tenant }) }}</small>
        <login-end :texts="texts" v-model="draft.password" :fault="fault" :busy="busy" @cancel="dialog = null" />
      </form>
    </modal>
    <made-window v-if="dialog === 'made'" :texts="texts" :made="made" @closed="closeMade" />
    <delete-window v-if="dialog === 'delete'" :texts="texts" :name="row.name" :fault="fault" :busy="busy" @closed="dialog = null" @sure="ask('delete', { name: row.name })" />
    </div>`,
};
