// When runs had memorised and generalised, and which of them never were seen to.

import type { JSX } from "preact";
import { type Box, line, type Scale } from "../axes.ts";
import type { Bundle } from "../bundle.ts";
import type { Frame } from "../picture.tsx";
import type { Times } from "../sweep.ts";
import { percent, whole } from "../words.ts";

export const RUG = 22; // pixels above a box, in which every run has its marks
const KINDS = [
	["memorization", "train"],
	["generalization", "test"],
] as const;

/** A mark for each run: a stroke when it got there, an open triangle where it was last seen. */
export function drawRug({ context, look }: Frame, box: Box, bundle: Bundle, x: Scale) {
	KINDS.forEach(([kind, color], level) => {
		const times = bundle.times[kind];
		if (!times) return;
		const y = box.top - RUG + 4 + 9 * level;
		context.strokeStyle = look[color];
		context.lineWidth = 1.2;
		context.globalAlpha = Math.max(0.15, Math.min(1, 12 / bundle.runs.length));
		for (const at of times.at.data) if (!Number.isNaN(at)) line(context, x(at), y, x(at), y + 7);
		for (const at of new Set(times.censored_at.data)) {
			if (!Number.isNaN(at)) triangle(context, x(at), y + 3.5, 3.5);
		}
		context.globalAlpha = 1;
	});
}

function triangle(context: CanvasRenderingContext2D, x: number, y: number, size: number) {
	context.beginPath();
	context.moveTo(x - size, y - size);
	context.lineTo(x + size, y);
	context.lineTo(x - size, y + size);
	context.closePath();
	context.stroke();
}

/** Of the chosen run: a diamond where it had memorised, a disc where it had generalised. */
export function drawMarks(
	{ context, look }: Frame,
	bundle: Bundle,
	run: number,
	curves: { name: string; color: string }[],
	place: (curve: string, step: number) => [number, number] | undefined,
) {
	for (const [kind, color] of KINDS) {
		const times = bundle.times[kind];
		const curve = curves.find((one) => one.color === color) ?? curves.at(-1)!;
		const [at, until] = [times?.at.data[run] ?? NaN, times?.censored_at.data[run] ?? NaN];
		const spot = place(curve.name, Number.isNaN(at) ? until : at);
		if (!spot || !Number.isFinite(spot[1])) continue;
		context.fillStyle = context.strokeStyle = look[color];
		context.lineWidth = 2;
		if (Number.isNaN(at)) {
			triangle(context, spot[0], spot[1], 5);
			continue;
		}
		context.beginPath();
		if (kind === "memorization") {
			for (const [dx, dy] of [
				[0, -6],
				[6, 0],
				[0, 6],
				[-6, 0],
			] as const) {
				context.lineTo(spot[0] + dx, spot[1] + dy);
			}
		} else context.arc(spot[0], spot[1], 5, 0, 2 * Math.PI);
		context.fill();
	}
}

/** The same in words, and how many runs it is true of. */
export function Timing({ bundle, run }: { bundle: Bundle; run: number }): JSX.Element {
	const { memorization, generalization } = bundle.times;
	return (
		<p class="key" data-timing>
			{memorization && <Sentence times={memorization} what="memorised" mark="◆" of="train" />}
			{generalization && <Sentence times={generalization} what="generalised" mark="●" of="test" />}
			{bundle.runs[run]!.label}:{" "}
			{[
				memorization && `memorised ${memorization.told[run]}`,
				generalization && `generalised ${generalization.told[run]}`,
			]
				.filter(Boolean)
				.join("; ") || "whether it memorised or generalised was not recorded"}
			.
		</p>
	);
}

function Sentence({
	times,
	what,
	mark,
	of,
}: {
	times: Times;
	what: string;
	mark: string;
	of: "train" | "test";
}) {
	const count = (values: ArrayLike<number>) =>
		Array.from(values).filter((x) => !Number.isNaN(x)).length;
	const [reached, censored] = [count(times.at.data), count(times.censored_at.data)];
	const side = of === "train" ? "training" : "test";
	return (
		<>
			<span class={of}>{mark}</span> {what} ({side} accuracy at least {percent(times.threshold)}):{" "}
			{whole(reached)} of {whole(times.at.data.length)} runs
			{censored > 0 && `, ${whole(censored)} not by their last record (▷, censored)`}.{" "}
		</>
	);
}
