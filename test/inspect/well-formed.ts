// Whether a text is well-formed XML of the kind that pictures are: elements, attributes in double quotes, the five entities
// and character references; no comments, no instructions.
import * as assert from "uvu/assert";

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what XML forbids
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u;

/** Throws where it is not; gives the names of its elements. */
export function checkWellFormed(xml: string): { elements: Set<string> } {
  assert.not.match(xml, FORBIDDEN);
  const elements = new Set<string>();
  const open: string[] = [];
  const tag = /<(\/?)([A-Za-z][\w-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/y;
  for (let at = 0; at < xml.length; ) {
    if (xml[at] !== "<") {
      const end = xml.indexOf("<", at);
      checkText(xml.slice(at, end < 0 ? xml.length : end));
      at = end < 0 ? xml.length : end;
      continue;
    }
    tag.lastIndex = at;
    const match = tag.exec(xml);
    if (!match) assert.unreachable(`no tag: ${xml.slice(at, at + 80)}`);
    const [whole, closing, name, attributes, alone] = match as unknown as [string, string, string, string, string];
    checkText(attributes);
    const names = [...attributes.matchAll(/([\w:-]+)="/g)].map(([, attribute]) => attribute);
    assert.is(new Set(names).size, names.length, `an attribute twice: ${whole.slice(0, 200)}`);
    elements.add(name);
    if (closing) assert.is(open.pop(), name);
    else if (!alone) open.push(name);
    at += whole.length;
  }
  assert.equal(open, []);
  return { elements };
}

function checkText(text: string): void {
  assert.not.match(text, /&(?!(amp|lt|gt|quot|#39);)/);
  assert.not.match(text, /\]\]>/);
}
