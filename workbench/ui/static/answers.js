/** Sees to it that every event of the page gets its answer. Runs before Gradio.

Gradio answers events over a stream (queue/data). When no event is pending its server ends the stream with the message
"close_stream". What the browser asks (queue/join) after the server decided so, and before that message has arrived, is
stuck: Gradio takes the stream for open, and its answer waits for a stream that nobody opens. A hand seldom is so quick; an
event that follows another always is. Here that message is passed on only if nothing waits for an answer; otherwise the
stream is asked for again, and Gradio reads on. */
(() => {
  const plain = window.fetch.bind(window);
  const waiting = new Set(); // events whose answer has not come
  const early = new Set(); // those whose answer came before their number was known
  let asking = 0; // events on their way to the server

  window.fetch = async (resource, init) => {
    const { pathname } = new URL(resource instanceof Request ? resource.url : resource, location.href);
    if (pathname.endsWith("/queue/join")) return join(resource, init);
    if (pathname.endsWith("/queue/data")) return listen(new Request(resource, init));
    return plain(resource, init);
  };

  async function join(resource, init) {
    asking += 1;
    try {
      const response = await plain(resource, init);
      const id = response.ok && (await response.clone().json()).event_id;
      if (id && !early.delete(id)) waiting.add(id);
      return response;
    } finally {
      asking -= 1;
    }
  }

  async function listen(request) {
    const first = await plain(request.clone());
    if (!first.ok) return first;
    let messages = read(first);
    const body = new ReadableStream({
      async pull(out) {
        for (;;) {
          const { value, done } = await messages.next();
          if (!done && value.msg !== "close_stream") return note(out, value);
          if (asking + waiting.size === 0) return end(out, value);
          await messages.return();
          messages = read(await plain(request.clone()));
        }
      },
      cancel: () => messages.return(),
    });
    return new Response(body, { headers: first.headers });
  }

  function note(out, { msg, event_id: id, bytes }) {
    if (msg === "process_completed" && !waiting.delete(id)) early.add(id);
    out.enqueue(bytes);
  }

  function end(out, last) {
    if (last) out.enqueue(last.bytes);
    out.close();
  }

  /** The messages of a stream, each as what it says and as the bytes it came in. */
  async function* read({ body, ok, status }) {
    if (!ok) throw new Error(`the page's events are not answered any more (${status})`);
    let text = "";
    for await (const part of body.pipeThrough(new TextDecoderStream())) {
      const blocks = (text + part).split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const bytes = new TextEncoder().encode(`${block}\n\n`);
        yield { ...(block.startsWith("data:") && JSON.parse(block.slice(5))), bytes };
      }
    }
  }
})();
