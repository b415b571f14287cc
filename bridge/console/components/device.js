// One device: all that is known of it, what it says of itself, what was done with it; changing and deleting it.
import { asking } from "/static/asking.js";
import Modal from "/static/dialog.js";
import Entries from "/static/entries.js";
import { grouping } from "/static/grouping.js";
import GroupField from "/static/group_field.js";
import { fill, when } from "/static/words.js";

export default {
  components: { Modal, Entries, GroupField },
  mixins: [asking, grouping],
  props: { named: String, device: Object, registration: Object, gone: Boolean, entries: Array, moreEntries: Boolean, may: Object, back: String, texts: Object, past: Object, statuses: Object },
  emits: ["groups", "more"],
  data: () => ({ dialog: null, draft: {}, before: {}, typed: "", said: "" }),
  computed: {
    facts() {
      const one = this.device;
      const group = one.group && { words: one.group, link: "/devices?" + new URLSearchParams({ group: one.group }) };
      return [
        ["id", { words: one.id }],
        ["name", { words: one.name }],
        ["type", { words: one.type }],
        ["group", group || {}],
        ["owner", { words: one.owner }],
        ["tenant", { words: one.tenant }],
        ["username", { words: `${one.tenant}/device_${one.id}`, code: true }],
        ["idType", { words: one.idType }],
        ["iccid", { words: one.iccid }],
        ["shell", { words: one.shell ? this.texts.yes : this.texts.no }],
        ["authType", { words: one.authType }],
        ["creationTime", { words: when(one.creationTime) }],
        ["lastSeen", { words: when(one.lastInfoTime) || this.texts.never }],
      ].filter(([name, { words }]) => words || ["name", "group"].includes(name));
    },
    // What devices say nests; each leaf is a row, its names joined by dots as bulk files write them.
    properties() {
      const rows = [];
      const walk = (value, names) => {
        const nests = value !== null && typeof value === "object" && Object.keys(value).length > 0;
        if (!nests) rows.push([names.join("."), typeof value === "string" ? value : JSON.stringify(value)]);
        else for (const [name, inner] of Object.entries(value)) walk(inner, [...names, name]);
      };
      for (const [name, value] of Object.entries(this.device.properties || {})) walk(value, [name]);
      return rows;
    },
    again() {
      const { id, name, type, group } = this.device;
      const named = { register: id, name, type, group };
      return "/?" + new URLSearchParams(Object.entries(named).filter(([, value]) => value));
    },
    found() {
      return "/?" + new URLSearchParams({ search: this.named });
    },
  },
  methods: {
    fill,
    when,
    edit() {
      const { name, type, group } = this.device;
      this.before = { name: name || "", type: type || "", group: group || "" };
      this.draft = { ...this.before };
      this.$emit("groups");
      this.begin("edit");
    },
    // Only what was changed is sent: what others changed meanwhile stays.
    save() {
      const changed = Object.entries(this.draft).filter(([name, value]) => value !== this.before[name]);
      if (!changed.length) this.dialog = null;
      else this.ask("save", { changed: Object.fromEntries(changed.map(([name, value]) => [name, value.trim() ? value : null])) });
    },
    remove() {
      this.typed = "";
      this.begin("delete");
    },
    done(outcome) {
      this.dialog = null;
      if (outcome.what === "save") this.said = this.texts.saved;
      if (outcome.what === "delete") this.focusHeading();
    },
  },
  template: `
    <div class="one-device">
      <p><a :href="back">← {{ texts.title }}</a></p>
      <div v-if="gone" class="card empty"><h1>{{ texts.gone }}</h1><p v-if="registration"><a :href="found">{{ texts.still_registering }} {{ statuses[registration.status] }}</a></p><p v-else>{{ fill(texts.gone_hint, { id: named }) }}</p></div>
      <template v-if="device">
        <div class="page-head">
          <h1><bdi>{{ device.name || device.id }}</bdi></h1>
          <div class="tools">
            <a v-if="may.register && !registration" class="btn" :href="again" :title="texts.again_hint">{{ texts.again }}</a>
            <button v-if="may.update" class="btn" type="button" @click="edit">{{ texts.edit }}</button>
            <button v-if="may.delete" class="btn danger" type="button" @click="remove">{{ texts.delete }}</button>
          </div>
        </div>
        <p role="status" class="quiet">{{ said }}</p>
        <div class="facts-and-more">
          <section class="card"><h2>{{ texts.facts }}</h2>
            <dl class="facts">
              <template v-for="[name, fact] in facts" :key="name"><dt>{{ texts[name] }}</dt><dd><a v-if="fact.link" :href="fact.link"><bdi>{{ fact.words }}</bdi></a><code v-else-if="fact.code">{{ fact.words }}</code><bdi v-else-if="fact.words">{{ fact.words }}</bdi><span v-else class="quiet">{{ texts.none_given }}</span></dd></template>
              <dt>{{ texts.registration }}</dt><dd><a v-if="registration" :href="found">{{ statuses[registration.status] }}{{ registration.confirmedTime ? ", " + texts.confirmed : "" }}</a><span v-else>{{ texts.no_registration }}</span></dd>
            </dl>
          </section>
          <section class="card"><h2>{{ texts.properties }}</h2>
            <dl v-if="properties.length" class="facts"><template v-for="[name, value] in properties" :key="name"><dt><bdi>{{ name }}</bdi></dt><dd><bdi>{{ value }}</bdi></dd></template></dl>
            <p v-else class="quiet">{{ texts.no_properties }}</p>
          </section>
        </div>
      </template>
      <section v-if="device || entries.length" class="card past"><h2>{{ texts.past }}</h2>
        <entries v-if="entries.length" :entries="entries" :texts="past" :caption="texts.past" :of="named" />
        <p v-else class="quiet">{{ texts.no_past }}</p>
        <p v-if="moreEntries"><button class="btn" type="button" @click="$emit('more')">{{ texts.more }}</button></p>
      </section>

      <modal v-if="dialog === 'edit'" :title="texts.edit" :close="texts.close" @closed="dialog = null">
        <form class="form" @submit.prevent="save">
          <label>{{ texts.name }}<input class="field" v-model="draft.name" maxlength="255" autocomplete="off" autofocus /></label>
          <label>{{ texts.type }}<input class="field" v-model="draft.type" maxlength="255" autocomplete="off" /></label>
          <group-field v-model="draft.group" :groups="groups" :label="texts.group" :hint="texts.group_hint" />
          <p class="fault" role="alert">{{ fault }}</p>
          <footer><button class="btn" type="button" @click="dialog = null">{{ texts.cancel }}</button><button class="btn primary" type="submit" :disabled="busy">{{ texts.save }}</button></footer>
        </form>
      </modal>
      <modal v-if="dialog === 'delete'" :title="texts.delete" :close="texts.close" @closed="dialog = null">
        <form class="form" @submit.prevent="ask('delete')">
          <p>{{ texts.delete_means }}</p>
          <label><span>{{ texts.type_id }} <code>{{ named }}</code></span><input class="field" v-model.trim="typed" :aria-label="texts.type_id + ' ' + named" autocomplete="off" autocapitalize="none" spellcheck="false" autofocus /></label>
          <p class="fault" role="alert">{{ fault }}</p>
          <footer><button class="btn" type="button" @click="dialog = null">{{ texts.cancel }}</button><button class="btn danger" type="submit" :disabled="busy || typed !== named">{{ texts.delete }}</button></footer>
        </form>
      </modal>
    </div>`,
};
