// Trains a network away from the page, which stays free to draw.

import { advance, type Point } from "./curve.ts";
import { Learner, type Rules } from "./learner.ts";
import type { Setup } from "./settings.ts";

export interface Order {
	setup?: Setup; // begin with this
	rules?: Pick<Rules, "learning_rate" | "weight_decay">;
	running?: boolean;
	pace?: number; // steps per second, at most
}

export interface News {
	step: number;
	points: Point[]; // since the last news
	table: Float32Array; // input, neuron
	output: Float32Array; // neuron, output
	rate: number; // steps per second
}

const SLICE = 60; // milliseconds between news
const PAUSE = 4; // milliseconds in which orders are heard

let learner: Learner | undefined;
let setup: Setup | undefined;
let running = false;
let pace = Infinity;
let waiting = false;
let owed = 0; // steps that the pace allows by now

onmessage = ({ data }: MessageEvent<Order>) => {
	if (data.setup) {
		setup = data.setup;
		learner = new Learner(setup.form, setup.weights, setup.rules);
		tell([], 0);
	}
	if (data.rules && learner) Object.assign(learner.rules, data.rules);
	pace = data.pace ?? pace;
	running = data.running ?? running;
	owed = 0;
	if (running && !waiting) go();
};

function go() {
	waiting = false;
	if (!running || !learner || !setup) return;
	const [began, from] = [performance.now(), learner.step];
	const points: Point[] = [];
	owed = Math.min(owed + (pace * SLICE) / 1000, Math.max(1, (pace * SLICE) / 1000));
	let now = began;
	while (owed >= 1 && now - began < SLICE) {
		const point = advance(learner, setup.train, setup.test);
		if (point) points.push(point);
		owed--;
		now = performance.now();
	}
	// Paced, most of a slice is spent waiting.
	const rest = pace === Infinity ? PAUSE : Math.max(PAUSE, SLICE - (now - began));
	if (learner.step > from) tell(points, ((learner.step - from) * 1000) / (now - began + rest));
	waiting = true;
	setTimeout(go, rest);
}

function tell(points: Point[], rate: number) {
	const { step, table, output } = learner!;
	const news: News = {
		step,
		points,
		table: Float32Array.from(table),
		output: Float32Array.from(output),
		rate,
	};
	postMessage(news, { transfer: [news.table.buffer, news.output.buffer] });
}
