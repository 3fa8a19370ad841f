// What a saved page carries: base64 of deflated bytes, one line of JSON and, after it, numbers; packing.py writes it.

export async function unpacked(packed) {
  const squeezed = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([squeezed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer()), head = bytes.indexOf(10) + 1;
  return [JSON.parse(new TextDecoder().decode(bytes.subarray(0, head))), bytes.slice(head)];
}
