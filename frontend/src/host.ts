// The model interface of anywidget over plain data, for a page with no kernel behind it.

const PAUSE = 400; // milliseconds: browsers refuse to change a link a hundred times in half a minute

export interface Values {
	bundle: DataView;
	state: string;
}

export interface Model {
	get<K extends keyof Values>(name: K): Values[K];
	set<K extends keyof Values>(name: K, value: Values[K]): void;
	on(event: string, handler: () => void): void;
	off(event: string, handler: () => void): void;
	save_changes(): void;
}

/** A model whose state is the fragment of the page's link. */
export function pageModel(bundle: DataView): Model {
	const values: Values = { bundle, state: location.hash.slice(1) };
	let saving: ReturnType<typeof setTimeout> | undefined;
	const handlers = new Map<string, Set<() => void>>();
	const tell = (event: string) => handlers.get(event)?.forEach((handler) => handler());
	addEventListener("hashchange", () => {
		values.state = location.hash.slice(1);
		tell("change:state");
	});
	return {
		get: (name) => values[name],
		set(name, value) {
			values[name] = value;
			tell(`change:${name}`);
		},
		on(event, handler) {
			handlers.set(event, (handlers.get(event) ?? new Set()).add(handler));
		},
		off: (event, handler) => handlers.get(event)?.delete(handler),
		save_changes() {
			saving ??= setTimeout(() => {
				saving = undefined;
				// Replaced, not pushed: a step back is to lead out of the page, not through every step.
				history.replaceState(null, "", `#${values.state}`);
			}, PAUSE);
		},
	};
}

/** The bytes of base64. */
export function fromBase64(text: string): DataView {
	const binary = atob(text);
	const bytes = new Uint8Array(binary.length);
	for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
	return new DataView(bytes.buffer);
}
