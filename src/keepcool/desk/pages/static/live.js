// News of the queue, as the desk learns of it.

export function listen(heard) {
  const source = new EventSource("/live");
  source.addEventListener("queue", (event) => heard(JSON.parse(event.data)));
}
