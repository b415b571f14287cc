// The table of registrations: a plain table that screen readers and keyboards know, with the field and the buttons of each row.
// What a person types here stays in the browser until it is sent, and over each refresh of the rows.
const ICONS = {
  WAITING_FOR_CONNECTION: "M12 6v6l4 2M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z",
  PENDING_ACCEPTANCE: "M12 8v5M12 16.5v.5M12 3 2 20h20z",
  ACCEPTED: "M5 12.5l4.5 4.5L19 7.5",
  BLOCKED: "M5.6 5.6l12.8 12.8M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z",
};
import AcceptCell from "/static/accept_cell.js";

export default {
  components: { AcceptCell },
  props: { notices: Object, rows: Array, texts: Object, statuses: Object, policy: String, may: Object, tenancy: Boolean },
  data: () => ({ drafts: {} }),
  methods: {
    icon: (status) => ICONS[status],
    when: (time) => (time ? new Date(time).toLocaleString() : ""),
  },
  template: `
    <table class="grid registrations">
      <caption class="sr">{{ texts.title }}</caption>
      <thead><tr><th scope="col">{{ texts.id }}</th><th scope="col">{{ texts.status }}</th><th scope="col">{{ texts.created }}</th><th scope="col"><span class="sr">{{ texts.actions }}</span></th></tr></thead>
      <tbody>
        <tr v-for="row in rows" :key="row.id" :data-id="row.id">
          <td :data-label="texts.id"><b>{{ row.name || row.id }}</b> <code>{{ row.id }}</code></td>
          <td :data-label="texts.status"><span class="status" :class="row.status"><svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true"><path :d="icon(row.status)" /></svg>{{ statuses[row.status] }}</span></td>
          <td :data-label="texts.created">{{ when(row.creationTime) }}</td>
          <td data-label="">
            <accept-cell :row="row" :policy="policy" :may="may" :texts="texts" :draft="drafts[row.id] ??= {}" :notice="notices[row.id]"
              @act="act(row.id, $event)" />
          </td>
        </tr>
      </tbody>
    </table>`,
};
