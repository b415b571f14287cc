// The last events, the newest first; kinds of good and bad news have a colour beside the word.
const COLOURS = { confirmed: "good", accepted: "good", blocked: "bad", "token-mismatch": "bad", "claim-conflict": "ask", "auto-accept-suspended": "ask" };
export default {
  props: { texts: Object, events: Array, words: Object },
  methods: {
    colour: (event) => COLOURS[event] || "",
    when: (time) => new Date(time).toLocaleTimeString(),
  },
  template: `
    <p v-if="!events.length" class="quiet">{{ texts.latest_none }}</p>
    <table v-else class="latest">
      <caption class="sr">{{ texts.latest }}</caption>
      <thead class="sr"><tr><th scope="col">{{ texts.time }}</th><th scope="col">{{ texts.event }}</th><th scope="col">{{ texts.device }}</th><th scope="col">{{ texts.by }}</th></tr></thead>
      <tbody>
        <tr v-for="one in events" :key="one.number">
          <td class="quiet"><time :datetime="one.at">{{ when(one.at) }}</time></td>
          <td :class="colour(one.event)">{{ words[one.event] || one.event }}</td>
          <td><bdi>{{ one.what }}</bdi></td>
          <td class="quiet"><bdi>{{ one.by }}</bdi></td>
        </tr>
      </tbody>
    </table>`,
};
