// Labels to print: their size as chosen last, and the browser's own dialog for printing.
const size = document.getElementById("size");
const KEY = "label-size";
const apply = () => (document.body.dataset.size = size.value);
const kept = localStorage.getItem(KEY);
if ([...size.options].some((option) => option.value === kept)) size.value = kept;
apply();
size.addEventListener("change", () => {
  localStorage.setItem(KEY, size.value);
  apply();
});
document.getElementById("print").addEventListener("click", () => print());
