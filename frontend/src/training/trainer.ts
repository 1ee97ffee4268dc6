// A training in the page as a component sees it.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Point } from "./curve.ts";
import type { Rules } from "./learner.ts";
import type { Setup } from "./settings.ts";
import type { News, Order } from "./worker.ts";
import program from "./worker.ts?worker";

export interface Training {
	news: News | undefined; // none before the worker has answered
	setup: Pick<Setup, "form" | "tokens"> | undefined;
	points: Point[];
	running: boolean;
	failure: string;
	run: (running: boolean) => void;
	reset: () => void;
}

/** Trains what `make` gives, in a worker that ends with the component; a new `name` begins anew. */
export function useTraining(
	name: string,
	make: () => Setup | undefined,
	rules: Pick<Rules, "learning_rate" | "weight_decay">,
	pace: number,
): Training {
	const worker = useRef<Worker>(undefined);
	const points = useRef<Point[]>([]);
	const trained = useRef<Setup>(undefined);
	const [news, setNews] = useState<News>();
	const [running, setRunning] = useState(false);
	const [failure, setFailure] = useState("");
	const tell = (order: Order) => worker.current?.postMessage(order);
	const [round, setRound] = useState(0);
	useEffect(() => {
		const setup = (trained.current = make());
		setNews(undefined);
		setRunning(false);
		points.current = [];
		if (!setup) return;
		const address = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
		const made = (worker.current = new Worker(address));
		made.onerror = () => setFailure("This browser does not let a page train in a worker.");
		made.onmessage = ({ data }: MessageEvent<News>) => {
			setFailure("");
			points.current.push(...data.points);
			setNews(data);
		};
		tell({ setup, rules, pace });
		return () => {
			made.terminate();
			URL.revokeObjectURL(address);
		};
	}, [name, round]);
	const { learning_rate, weight_decay } = rules;
	useEffect(() => tell({ rules, pace }), [learning_rate, weight_decay, pace]);
	const run = (go: boolean) => {
		setRunning(go);
		tell({ running: go });
	};
	return {
		news,
		setup: trained.current,
		points: points.current,
		running,
		failure,
		run,
		reset: () => setRound(round + 1),
	};
}
