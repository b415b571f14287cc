// The numbers of a chart as a table, for who cannot see the chart and for who wants to know exactly.
export default {
  props: { caption: String, summary: String, columns: Array, rows: Array },
  template: `
    <details class="figures">
      <summary>{{ summary }}</summary>
      <div class="scrolled" tabindex="0" role="region" :aria-label="caption">
        <table>
          <caption class="sr">{{ caption }}</caption>
          <thead><tr><th v-for="(name, at) in columns" :key="at" scope="col">{{ name }}</th></tr></thead>
          <tbody>
            <tr v-for="(row, number) in rows" :key="number">
              <th scope="row">{{ row[0] }}</th>
              <td v-for="(cell, at) in row.slice(1)" :key="at" :class="{ quiet: cell === 0 }">{{ cell.toLocaleString("en") }}</td>
            </tr>
          </tbody>
        </table>
      </div>
    </details>`,
};
