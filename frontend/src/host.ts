// The model interface of anywidget for pages with no kernel behind them: one that carries its data,
// and one that a server feeds.

import { useEffect, useState } from "preact/hooks";

const PAUSE = 400; // milliseconds: browsers refuse to change a link a hundred times in half a minute
const AGAIN = 2000; // milliseconds until a server that has gone is asked again
const SELDOM = 60_000; // and one that has failed often: it may read all of a large store in vain

export interface Values {
	bundle: DataView;
	state: string;
	news?: News | undefined; // of a server
}

/** What a server tells of its store and of the training in it. */
export interface News {
	store: string;
	version: string; // empty while there is no store
	state: "absent" | "training" | "stopping" | "unfinished" | "elsewhere" | "finished" | "gone";
	said: string;
	error: string;
}

export interface Model {
	get<K extends keyof Values>(name: K): Values[K];
	set<K extends keyof Values>(name: K, value: Values[K]): void;
	on(event: string, handler: () => void): void;
	off(event: string, handler: () => void): void;
	save_changes(): void;
	/** Asks a server for something; where there is none, there is no such method. */
	post?(name: "form" | "start" | "resume" | "stop", body: unknown): Promise<unknown>;
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

/** The same, for a page of a server that tells news, and from which newer bundles are fetched. */
export function serverModel(store: string): Model {
	const model = pageModel(new DataView(new ArrayBuffer(0)));
	const token = new URLSearchParams(location.search).get("token") ?? "";
	const headers = { Authorization: `Bearer ${token}` };
	const none: News = { store, version: "", state: "gone", said: "", error: "" };
	let [shown, failure, fetching, pause] = ["", "", false, AGAIN];
	let again: ReturnType<typeof setTimeout> | undefined;
	const fresh = async () => {
		const wanted = model.get("news")?.version;
		if (fetching || !wanted || wanted === shown) return;
		fetching = true;
		clearTimeout(again);
		try {
			const answer = await fetch("bundle", { headers });
			if (!answer.ok) throw new Error((await answer.json()).error);
			shown = wanted;
			model.set("bundle", new DataView(await answer.arrayBuffer()));
			const news = model.get("news")!;
			if (failure && news.error === failure) model.set("news", { ...news, error: "" });
			[failure, pause] = ["", AGAIN];
		} catch (error) {
			const news = model.get("news")!;
			failure = (error as Error).message;
			model.set("news", { ...news, error: news.error || failure });
			again = setTimeout(fresh, pause); // no more news may come
			pause = Math.min(2 * pause, SELDOM);
		}
		fetching = false;
	};
	const listen = () => {
		const socket = new WebSocket(`live?token=${encodeURIComponent(token)}`);
		socket.onmessage = ({ data }) => {
			model.set("news", JSON.parse(data));
			void fresh().then(fresh); // once more, for what has come while it was fetched
		};
		socket.onclose = () => {
			model.set("news", { ...(model.get("news") ?? none), state: "gone" });
			setTimeout(listen, AGAIN);
		};
	};
	listen();
	const post = async (name: string, body: unknown) => {
		const answer = await fetch(name, { method: "POST", headers, body: JSON.stringify(body) });
		const told = await answer.json();
		if (!answer.ok) throw new Error(told.error);
		return told;
	};
	return { ...model, post };
}

/** A value of the model as it is now. */
export function useValue<K extends keyof Values>(model: Model, name: K): Values[K] {
	const [value, setValue] = useState(() => model.get(name));
	useEffect(() => {
		const changed = () => setValue(() => model.get(name));
		changed(); // it may have changed before anybody listened
		model.on(`change:${name}`, changed);
		return () => model.off(`change:${name}`, changed);
	}, [model, name]);
	return value;
}

/** The bytes of base64. */
export function fromBase64(text: string): DataView {
	const binary = atob(text);
	const bytes = new Uint8Array(binary.length);
	for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
	return new DataView(bytes.buffer);
}
