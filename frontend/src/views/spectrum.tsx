import type { JSX } from "preact";
import { useCallback } from "preact/hooks";
import { type Box, drawSteps, drawX, drawY, heading, LINE, line, stepScale } from "../axes.ts";
import { type Kept, row } from "../bundle.ts";
import { colorOf, keys } from "../groups.ts";
import { type Frame, type Look, Note, Picture } from "../picture.tsx";
import { cells, paint } from "../ramp.ts";
import type { State } from "../state.ts";
import { percent, whole } from "../words.ts";

const HEIGHT = 240;

interface Props {
	kept: Kept;
	index: number;
	look: Look;
	scale: State["scale"];
	pick: (step: number) => void;
}

/** How the power of the input weights is spread over frequencies: now, and through training. */
export function Spectrum({ kept, index, look, scale, pick }: Props): JSX.Element {
	if (!kept.power)
		return <Note>This network reads features, which stand in no order: there is no spectrum.</Note>;
	return (
		<>
			<div class="pair">
				<Bars {...{ kept, index, look }} />
				<Through {...{ kept, index, look, scale, pick }} />
			</div>
			<p class="key">
				The share of all power of the input weights that each frequency holds. The frequencies that
				neurons have at the last step are coloured{keys(kept).length === 0 && "; here none has one"}
				.
			</p>
		</>
	);
}

/** The shares of the power at one snapshot; the mean of the weights has no part in it. */
function shares(kept: Kept, index: number): number[] {
	const power = [...row(kept.power!, index)];
	const total = power.reduce((sum, x) => sum + x, 0) || 1;
	return power.map((x) => x / total);
}

function Bars({ kept, index, look }: Omit<Props, "scale" | "pick">): JSX.Element {
	const draw = useCallback(
		(frame: Frame) => {
			const { context, width, height } = frame;
			const box = { left: 48, right: width - 8, top: 24, bottom: height - 38 };
			const values = shares(kept, index);
			const y = (part: number) => box.bottom - part * (box.bottom - box.top);
			const x = (k: number) => box.left + ((k - 0.5) / values.length) * (box.right - box.left);
			drawY(
				frame,
				box,
				y,
				[0, 0.5, 1].map((at) => ({ at, words: `${100 * at}%` })),
				"at this step",
			);
			const bar = (0.75 * (box.right - box.left)) / values.length;
			values.forEach((value, i) => {
				context.fillStyle = colorOf(i + 1, kept, look);
				context.fillRect(x(i + 1) - bar / 2, y(value), bar, box.bottom - y(value));
			});
			drawX(frame, box, x, frequencyTicks(values.length), "frequency");
		},
		[kept, index],
	);
	const values = shares(kept, index);
	const largest = values.map((value, i) => ({ value, k: i + 1 })).sort((a, b) => b.value - a.value);
	const told = largest.slice(0, 4).map(({ k, value }) => `frequency ${k} ${percent(value)}`);
	const label = `Shares of power at step ${whole(kept.steps.data[index]!)}; the largest: ${told.join(", ")}.`;
	const table = () => ({
		columns: ["frequency", "share"],
		rows: values.map((value, i) => [i + 1, value]),
	});
	return <Picture name="spectrum" {...{ label, height: HEIGHT, look, draw, table }} />;
}

function Through({ kept, index, look, scale, pick }: Props): JSX.Element {
	const [snapshots = 0, frequencies = 0] = kept.power!.shape;
	const steps = kept.steps.data;
	const last = steps.at(-1)!;
	const draw = useCallback(
		(frame: Frame) => {
			const { context, look } = frame;
			const box = boxOf(frame);
			const x = stepScale(scale, last, box.left, box.right);
			const high = (box.bottom - box.top) / frequencies;
			for (let s = 0; s < snapshots; s++) {
				const values = shares(kept, s);
				const image = cells(1, frequencies, look.ramps["share"]!, (_, at) =>
					Math.sqrt(values[at]!),
				);
				const end = s + 1 < snapshots ? x(steps[s + 1]!) : box.right;
				paint(context, image, [
					x(steps[s]!),
					box.top,
					Math.max(1, end - x(steps[s]!)) + 0.5,
					high * frequencies,
				]);
			}
			const y = (k: number) => box.top + (k - 0.5) * high;
			context.textBaseline = "middle";
			context.textAlign = "right";
			let free = box.top; // above which there is a label already
			for (const k of keys(kept)) {
				free = Math.max(free, y(k));
				context.fillStyle = colorOf(k, kept, look);
				context.fillRect(box.left - 5, y(k) - high / 2, 3, high);
				context.fillStyle = look.ink;
				context.fillText(`${k}`, box.left - 8, free);
				free += LINE;
			}
			heading(frame, box.left, box.top - 5, "frequency (root of share)");
			drawSteps(frame, box, scale, last);
		},
		[kept, scale],
	);
	const over = useCallback(
		(frame: Frame) => {
			const box = boxOf(frame);
			const at = stepScale(scale, last, box.left, box.right)(steps[index]!);
			frame.context.strokeStyle = look.ink;
			frame.context.setLineDash([4, 3]);
			line(frame.context, at, box.top, at, box.bottom);
		},
		[kept, scale, index, look],
	);
	const choose = (at: number, width: number) => {
		const box = boxOf({ width, height: HEIGHT });
		pick(Math.max(0, Math.min(last, stepScale(scale, last, box.left, box.right).invert(at))));
	};
	const label =
		`Heatmap of the share of power of ${frequencies} frequencies at ${snapshots} steps from 0 to ${whole(last)}. ` +
		`Key frequencies at the end: ${keys(kept).join(", ") || "none"}.`;
	return (
		<Picture
			name="spectrum-steps"
			table={() => ({ columns: ["step", "frequency", "share"], rows: sharesOf(kept) })}
			{...{ label, height: HEIGHT, look, draw, over, onPick: choose }}
		/>
	);
}

function* sharesOf(kept: Kept): Generator<number[]> {
	for (const [index, step] of kept.steps.data.entries()) {
		for (const [i, share] of shares(kept, index).entries()) yield [step, i + 1, share];
	}
}

function boxOf({ width, height }: { width: number; height: number }): Box {
	return { left: 34, right: width - 8, top: 24, bottom: height - 38 };
}

function frequencyTicks(count: number) {
	const every = count > 12 ? 5 * Math.ceil(count / 40) : 1;
	return Array.from({ length: count }, (_, i) => i + 1)
		.filter((k) => k % every === 0)
		.map((at) => ({ at, words: `${at}` }));
}
