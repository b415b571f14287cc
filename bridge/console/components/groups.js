// Groups: the tree, and beside it the chosen one with what can be done with it.
import { asking } from "/static/asking.js";
import { grouping } from "/static/grouping.js";
import Modal from "/static/dialog.js";
import GroupField from "/static/group_field.js";
import GroupTree from "/static/group_tree.js";
import { counted, fill } from "/static/words.js";

export default {
  components: { Modal, GroupField, GroupTree },
  mixins: [asking, grouping],
  props: { first: String, may: Object, management: Boolean, moving: Object, texts: Object },
  data() {
    return { chosen: this.first, dialog: null, name: "", target: "", outcome: null };
  },
  computed: {
    inside() {
      return this.groups.filter((one) => one.path.startsWith(this.chosen + "/"));
    },
    group() {
      return this.groups.find((one) => one.path === this.chosen);
    },
    below() {
      return this.inside.reduce((sum, one) => sum + one.devices, this.group ? this.group.devices : 0);
    },
    devicesLink() {
      return "/devices?" + new URLSearchParams({ group: this.chosen });
    },
  },
  methods: {
    counted,
    fill,
    choose(path) {
      this.chosen = path;
      this.outcome = null;
      history.replaceState(history.state, "", "/groups?" + new URLSearchParams({ group: path }));
    },
    create(inside) {
      this.name = inside ? this.chosen + "/" : "";
      this.begin("create");
    },
    move() {
      this.target = "";
      this.begin("move");
    },
    done(outcome) {
      this.dialog = null;
      if (outcome.what === "create") this.choose(outcome.path);
      if (outcome.what === "move") this.outcome = outcome;
      if (outcome.what === "delete") {
        const above = this.chosen.slice(0, Math.max(0, this.chosen.lastIndexOf("/")));
        if (above) this.choose(above);
        else this.chosen = "";
        this.focusHeading();
      }
    },
  },
  template: `
    <div>
      <div class="page-head"><h1>{{ texts.title }}</h1><button v-if="may.create" class="btn primary" type="button" @click="create(false)">{{ texts.create }}</button></div>
      <p class="quiet">{{ management ? texts.of_management : texts.intro }}</p>
      <div v-if="groupsLoaded && !groups.length" class="card empty"><h2>{{ texts.none }}</h2><p>{{ texts.none_hint }}</p></div>
      <div v-if="groups.length" class="inventory">
        <aside class="card side" :aria-label="texts.groups"><group-tree :groups="groups" :more="moreGroups" :selected="chosen" :texts="texts" @choose="choose" /></aside>
        <section class="card listed" aria-live="polite">
          <p v-if="!group" class="quiet">{{ texts.choose_one }}</p>
          <template v-else>
            <h2><bdi>{{ group.path }}</bdi></h2>
            <dl class="facts">
              <dt>{{ texts.own }}</dt><dd>{{ group.devices.toLocaleString("en") }}</dd>
              <dt>{{ texts.below }}</dt><dd>{{ below.toLocaleString("en") }}</dd>
              <dt>{{ texts.inside }}</dt><dd>{{ inside.length.toLocaleString("en") }}</dd>
            </dl>
            <div class="tools">
              <a class="btn" :href="devicesLink">{{ texts.show_devices }}</a>
              <button v-if="may.create" class="btn" type="button" @click="create(true)">{{ texts.create_inside }}</button>
              <button v-if="may.update && below" class="btn" type="button" :disabled="Boolean(moving)" @click="move">{{ texts.move_all }}</button>
              <button v-if="may.delete" class="btn danger" type="button" @click="begin('delete')">{{ texts.delete }}</button>
            </div>
            <div v-if="moving" class="moving"><label>{{ fill(texts.moving, { done: moving.done.toLocaleString("en") }) }} <progress :value="moving.done" :max="Math.max(moving.of, moving.done)"></progress></label><button class="btn" type="button" @click="$emit('stop')">{{ texts.stop }}</button></div>
            <div v-if="outcome" role="status">
              <p>{{ counted(texts, "moved", outcome.moved) }}<template v-if="outcome.stopped"> {{ texts.stopped }}</template></p>
              <template v-if="outcome.failedCount"><p class="fault">{{ counted(texts, "not_moved", outcome.failedCount) }}</p><ul class="faults"><li v-for="one in outcome.failed" :key="one.id"><code>{{ one.id }}</code>: {{ one.message }}</li></ul></template>
            </div>
          </template>
        </section>
      </div>

      <modal v-if="dialog === 'create'" :title="texts.create" :close="texts.close" @closed="dialog = null">
        <form class="form" @submit.prevent="ask('create', { path: name })">
          <label>{{ texts.path }}<input aria-describedby="hint-name" class="field" v-model="name" required maxlength="4096" autocomplete="off" autofocus /></label><small id="hint-name">{{ texts.path_hint }}</small>
          <p class="fault" role="alert">{{ fault }}</p>
          <footer><button class="btn" type="button" @click="dialog = null">{{ texts.cancel }}</button><button class="btn primary" type="submit" :disabled="busy">{{ texts.create_now }}</button></footer>
        </form>
      </modal>
      <modal v-if="dialog === 'delete'" :title="fill(texts.delete_of, { path: chosen })" :close="texts.close" @closed="dialog = null">
        <p>{{ below ? counted(texts, "delete_full", below) : counted(texts, "delete_means", inside.length) }}</p>
        <p class="fault" role="alert">{{ fault }}</p>
        <footer><button class="btn" type="button" autofocus @click="dialog = null">{{ texts.cancel }}</button>
          <button v-if="below && may.update" class="btn" type="button" @click="move">{{ texts.move_all }}</button>
          <button v-if="!below" class="btn danger" type="button" :disabled="busy" @click="ask('delete', { path: chosen })">{{ texts.delete }}</button></footer>
      </modal>
      <modal v-if="dialog === 'move'" :title="texts.move_all" :close="texts.close" @closed="dialog = null">
        <form class="form" @submit.prevent="ask('move', { from: chosen, group: target })">
          <p>{{ counted(texts, "move_means", below, { path: chosen }) }}</p>
          <group-field v-model="target" :groups="groups" :label="texts.target" :hint="texts.move_hint" />
          <p class="fault" role="alert">{{ fault }}</p>
          <p v-if="moving" class="quiet" role="status">{{ fill(texts.moving, { done: moving.done.toLocaleString("en") }) }} <progress :value="moving.done" :max="Math.max(moving.of, moving.done)"></progress></p>
          <footer><button v-if="moving" class="btn" type="button" @click="$emit('stop')">{{ texts.stop }}</button><button class="btn" type="button" @click="dialog = null">{{ moving ? texts.close : texts.cancel }}</button><button class="btn" type="button" :disabled="busy || Boolean(moving)" @click="ask('move', { from: chosen, group: '' })">{{ texts.take_out }}</button><button class="btn primary" type="submit" :disabled="busy || Boolean(moving) || !target.trim()">{{ texts.move_now }}</button></footer>
        </form>
      </modal>
    </div>`,
};
