// How files come into a page: chosen, pasted or dropped.

export function intake(take) {
  const [files, drop] = ["files", "drop"].map((id) => document.getElementById(id));
  files.addEventListener("change", () => {
    take(files.files);
    files.value = "";
  });
  document.addEventListener("paste", (event) => take(event.clipboardData.files));
  const over = (event) => {
    event.preventDefault();
    drop.classList.toggle("over", event.type === "dragover");
  };
  for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, over);
  document.addEventListener("drop", (event) => take(event.dataTransfer.files));
}
