// Bulk registration: the dialog, and the button in the bar that opens it while there is a file at work.
// The file stays in the browser until it is sent, by one request of its bytes as they are; all else is said by the server.
export default {
  props: { texts: Object, limit: Number, management: Boolean, opened: Number, ticket: String, job: Object, failures: Object },
  data: () => ({ file: null, sending: null, sent: 0, fault: "", dragging: 0, announced: "" }),
  computed: {
    step() {
      if (this.sending || this.job?.phase === "receiving") return "working";
      if (!this.job) return "choosing";
      return this.job.busy ? "working" : "told";
    },
    heading() {
      if (this.sending) return this.texts.sending;
      return this.job ? this.job.title : "";
    },
    share() {
      return this.sending ? this.sent : this.job?.fraction || 0;
    },
    name() {
      return this.sending ? this.file.name : this.job?.name || "";
    },
    bytes() {
      return this.size(this.sending ? this.file.size : this.job?.size || 0);
    },
  },
  watch: {
    opened() {
      this.open();
    },
    ticket(value) {
      if (value && this.file) this.send(value);
    },
    heading(value) {
      this.announced = value;
    },
    "job.fault"(value) {
      if (value) this.announced = value;
    },
    "job.phase"(now, before) {
      // What was looked at is gone; who works by keyboard goes on at the new heading.
      if (before && this.$refs.dialog.open) this.$nextTick(() => this.$refs.heading?.focus());
    },
  },
  mounted() {
    addEventListener("beforeunload", this.warn);
    // Quasar would show a bar without a name for the request of the file, which has one of its own in the dialog.
    window.Quasar.LoadingBar.setDefaults({ hijackFilter: () => false });
  },
  unmounted() {
    removeEventListener("beforeunload", this.warn);
    this.sending?.abort();
  },
  methods: {
    open() {
      if (!this.$refs.dialog.open) this.$refs.dialog.showModal();
    },
    close() {
      this.$refs.dialog.close();
      if (this.job && ["done", "faulty"].includes(this.job.phase)) this.discard();
    },
    warn(event) {
      if (this.sending) event.preventDefault();
    },
    size(bytes) {
      if (bytes < 1024) return `${bytes} B`;
      return bytes < 1048576 ? `${(bytes / 1024).toFixed(0)} kB` : `${(bytes / 1048576).toFixed(1)} MB`;
    },
    percent(share) {
      return this.texts.percent.replace("{number}", Math.floor(100 * share));
    },
    fail(words) {
      this.fault = words;
      this.file = null;
    },
    picked(event) {
      this.choose(event.target.files);
      event.target.value = "";
    },
    dropped(event) {
      this.dragging = 0;
      if (this.step === "choosing") this.choose(event.dataTransfer.files);
    },
    choose(files) {
      this.fault = "";
      if (files.length > 1) return this.fail(this.texts.one_at_a_time);
      if (!files.length) return undefined;
      if (files[0].size > this.limit) return this.fail(this.texts.too_large);
      this.file = files[0];
      return this.$emit("choose", { name: this.file.name, size: this.file.size });
    },
    send(ticket) {
      const request = new XMLHttpRequest();
      request.open("POST", "/upload");
      request.setRequestHeader("content-type", "application/octet-stream");
      request.setRequestHeader("x-upload-ticket", ticket);
      request.upload.onprogress = (event) => (this.sent = event.total ? event.loaded / event.total : 0);
      request.onload = () => {
        this.sending = null;
        if (request.status === 413) this.fail(this.texts.too_large);
        else if (request.status !== 204) this.fail(request.responseText.trim() || this.texts.not_sent);
      };
      request.onerror = () => {
        this.sending = null;
        this.fail(this.texts.not_sent);
      };
      request.onabort = () => {
        this.sending = null;
        this.file = null;
      };
      this.sent = 0;
      this.sending = request;
      request.send(this.file);
    },
    cancel() {
      if (this.sending) this.sending.abort();
      else if (this.job?.phase === "registering") this.$emit("stop", {});
      else this.discard();
    },
    discard() {
      this.file = null;
      this.fault = "";
      this.$emit("discard", {});
    },
    page(first) {
      this.$emit("page", { first });
    },
    save(name, content) {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([content], { type: "text/csv" }));
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    },
  },
  template: `
    <div class="bulk">
      <button v-if="job || sending" type="button" class="bulk-chip" :class="job && job.phase" aria-haspopup="dialog" @click="open">
        <svg v-if="job && job.waiting" viewBox="0 0 24 24" aria-hidden="true"><path d="M12 7v6M12 16.5v.5M12 3 2 20h20z" /></svg>
        <svg v-else viewBox="0 0 24 24" aria-hidden="true"><path d="M12 16V4M7 9l5-5 5 5M4 20h16" /></svg>
        <span>{{ job ? job.chip : texts.sending }}</span>
      </button>
      <dialog ref="dialog" class="bulk-dialog" aria-labelledby="bulk-title" @dragover.prevent @drop.prevent="dropped" @cancel.prevent="close">
        <div class="bulk-head">
          <h2 id="bulk-title">{{ texts.title }}</h2>
          <button type="button" class="btn bulk-close" :aria-label="texts.close" @click="close"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 6l12 12M18 6L6 18" /></svg></button>
        </div>
        <p class="sr" role="status">{{ announced }}</p>

        <div v-if="step === 'choosing'" class="bulk-body">
          <p>{{ texts.intro }}</p>
          <div class="bulk-drop" :class="{ over: dragging }" @dragenter.prevent="dragging++" @dragleave.prevent="dragging--">
            <button type="button" class="bulk-plus" autofocus :aria-label="texts.plus" aria-describedby="bulk-limit" @click="$refs.input.click()"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 5v14M5 12h14" /></svg></button>
            <p><b>{{ texts.drop }}</b></p>
            <p id="bulk-limit" class="quiet">{{ texts.limit }}</p>
            <input ref="input" type="file" accept=".csv,.txt,text/csv,text/plain" hidden @change="picked" />
          </div>
          <p v-if="fault" class="fault" role="alert">{{ fault }}</p>
          <div class="bulk-kinds">
            <div class="card">
              <h3>{{ texts.simple }}</h3>
              <p>{{ texts.simple_text }}</p>
              <button type="button" class="btn" :aria-label="texts.template + ': ' + texts.simple" @click="$emit('template', { kind: 'simple' })">{{ texts.template }}</button>
            </div>
            <div class="card">
              <h3>{{ texts.full }}</h3>
              <p>{{ texts.full_text }}</p>
              <button type="button" class="btn" :aria-label="texts.template + ': ' + texts.full" @click="$emit('template', { kind: 'full' })">{{ texts.template }}</button>
            </div>
          </div>
          <p v-if="management" class="quiet">{{ texts.of_management }}</p>
        </div>

        <div v-else class="bulk-body" :aria-busy="step === 'working'">
          <p class="bulk-file"><b dir="auto">{{ name }}</b> <span class="quiet">{{ bytes }}</span></p>
          <h3 ref="heading" tabindex="-1" autofocus>{{ heading }}</h3>
          <template v-if="step === 'working'">
            <progress v-if="share" max="1" :value="share" :aria-label="heading"></progress>
            <progress v-else max="1" :aria-label="heading"></progress>
            <p class="bulk-share"><span>{{ job && !sending ? job.lines : '' }}</span><span v-if="share">{{ percent(share) }}</span></p>
            <p v-if="job && job.waiting && !sending" class="bulk-note" role="alert">{{ texts.waiting }}</p>
            <p v-else-if="job && job.stopping">{{ texts.stopping }}</p>
            <p class="quiet">{{ sending ? texts.stay : texts.background }}</p>
            <div class="bulk-foot">
              <button type="button" class="btn danger" :disabled="job && job.stopping && !sending" @click="cancel">{{ job && job.phase === 'registering' ? texts.stop : texts.cancel }}</button>
              <button type="button" class="btn" @click="close">{{ texts.close }}</button>
            </div>
          </template>
          <template v-else>
            <p v-if="job.fault" class="fault" role="alert">{{ job.fault }}</p>
            <p v-if="job.intro">{{ job.intro }}</p>
            <dl v-if="job.counts.length" class="bulk-counts">
              <div v-for="one in job.counts" :key="one.words" :class="one.kind"><dt>{{ one.words }}</dt><dd>{{ one.number }}</dd></div>
            </dl>
            <p v-if="job.renewed" class="bulk-note">{{ job.renewed }}</p>
            <p v-if="job.phase === 'checked' && !job.register" class="fault">{{ texts.nothing_good }}</p>
            <div v-if="failures" class="bulk-failures">
              <div class="bulk-failures-head">
                <h4 id="bulk-failures">{{ texts.failures }}</h4>
                <a class="btn" href="/upload/failed" download :title="texts.download_hint">{{ texts.download_failed }}</a>
              </div>
              <div class="bulk-scroll" tabindex="0" role="region" aria-labelledby="bulk-failures">
                <table class="grid">
                  <thead><tr><th scope="col">{{ texts.line }}</th><th scope="col">{{ texts.device }}</th><th scope="col">{{ texts.reason }}</th></tr></thead>
                  <tbody>
                    <tr v-for="row in failures.rows" :key="row.line">
                      <td :data-label="texts.line">{{ row.line.toLocaleString('en') }}</td>
                      <td :data-label="texts.device"><bdi class="mono">{{ row.id }}</bdi></td>
                      <td :data-label="texts.reason"><span>{{ row.reason }} <code class="quiet">{{ row.code }}</code></span></td>
                    </tr>
                  </tbody>
                </table>
              </div>
              <div class="bulk-pages">
                <button v-if="failures.first || failures.more" type="button" class="btn" :disabled="!failures.first" @click="page(failures.first - failures.step)">{{ texts.previous }}</button>
                <span role="status">{{ failures.range }}<template v-if="failures.more"> · {{ failures.more }}</template></span>
                <button v-if="failures.first || failures.more" type="button" class="btn" :disabled="!failures.more" @click="page(failures.first + failures.step)">{{ texts.next }}</button>
              </div>
            </div>
            <div class="bulk-foot">
              <button type="button" class="btn" :class="{ primary: job.phase === 'faulty' }" @click="discard">{{ texts.another_file }}</button>
              <button v-if="job.phase === 'checked' && job.register" type="button" class="btn primary" @click="$emit('register', {})">{{ job.register }}</button>
              <button v-else-if="job.phase === 'stopped'" type="button" class="btn primary" @click="$emit('register', {})">{{ texts.go_on }}</button>
              <button v-else type="button" class="btn" :class="{ primary: job.phase === 'done' }" @click="close">{{ texts.close }}</button>
            </div>
          </template>
        </div>
      </dialog>
    </div>`,
};
