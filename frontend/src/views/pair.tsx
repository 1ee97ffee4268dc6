import type { JSX } from "preact";
import { useCallback } from "preact/hooks";
import { heading } from "../axes.ts";
import type { Pairs } from "../pairs.ts";
import { type Frame, type Look, Picture } from "../picture.tsx";
import { paint } from "../ramp.ts";
import type { State } from "../state.ts";
import { ofPairs } from "../tables.ts";

const [LEFT, TOP, FOOT] = [20, 22, 20]; // pixels around a map

interface ChooseProps {
	pairs: Pairs;
	state: State;
	change: (part: Partial<State>) => void;
}

/** Two numbers: the pair that is looked at. */
export function ChoosePair({ pairs, state, change }: ChooseProps): JSX.Element {
	const field = (name: "a" | "b", size: number) => (
		<label>
			{name}{" "}
			<input
				type="number"
				min={0}
				max={size - 1}
				value={Math.min(state[name], size - 1)}
				onInput={(event) => {
					const value = event.currentTarget.valueAsNumber;
					if (Number.isInteger(value) && value >= 0 && value < size) change({ [name]: value });
				}}
			/>
		</label>
	);
	return (
		<div class="chosen" role="group" aria-label="The pair">
			{field("a", pairs.rows)}
			{field("b", pairs.columns)}
		</div>
	);
}

interface MapProps extends ChooseProps {
	name: string;
	title: string;
	label: string;
	look: Look;
	image: (look: Look) => ImageData; // memoised
	values: Record<string, ArrayLike<number>>; // of every question, by name, as they are saved
}

/** A map of all pairs, with the chosen one marked; a click chooses another. */
export function PairMap(props: MapProps): JSX.Element {
	const { name, title, label, look, image, values, pairs, state, change } = props;
	const { rows, columns } = pairs;
	const height = 250;
	const draw = useCallback(
		(frame: Frame) => {
			const { context, look } = frame;
			const size = sizeOf(frame);
			paint(context, image(look), [LEFT, TOP, size, size]);
			heading(frame, 0, 18, title);
			context.fillStyle = look.quiet;
			context.textAlign = "center";
			context.textBaseline = "top";
			context.fillText("b", LEFT + size / 2, TOP + size + 4);
			context.textBaseline = "middle";
			context.fillText("a", 9, TOP + size / 2);
		},
		[image, title],
	);
	const over = useCallback(
		(frame: Frame) => {
			const { context, look } = frame;
			const size = sizeOf(frame);
			const [wide, high] = [size / columns, size / rows];
			const x = LEFT + Math.min(state.b, columns - 1) * wide;
			const y = TOP + Math.min(state.a, rows - 1) * high;
			context.strokeStyle = look.ink;
			context.lineWidth = 0.8;
			context.globalAlpha = 0.45;
			context.strokeRect(x + wide / 2, TOP, 0, size);
			context.strokeRect(LEFT, y + high / 2, size, 0);
			context.globalAlpha = 1;
			context.lineWidth = 2;
			context.strokeRect(x - 2, y - 2, wide + 4, high + 4);
		},
		[rows, columns, state.a, state.b],
	);
	const pick = (x: number, width: number, y: number) => {
		const size = sizeOf({ width, height });
		const a = Math.floor(((y - TOP) / size) * rows);
		const b = Math.floor(((x - LEFT) / size) * columns);
		if (a >= 0 && b >= 0 && a < rows && b < columns) change({ a, b });
	};
	const table = () =>
		ofPairs(pairs, Object.keys(values), (q) => Object.values(values).map((one) => one[q]!));
	return <Picture {...{ name, label, height, look, draw, over, table, onPick: pick }} />;
}

function sizeOf({ width, height }: { width: number; height: number }): number {
	return Math.max(1, Math.min(width - LEFT - 4, height - TOP - FOOT));
}

/** An image of all pairs, of which each question has a colour; there may be pairs without one. */
export function pairImage(
	{ rows, columns, question }: Pairs,
	color: (q: number) => ArrayLike<number>,
) {
	const image = new ImageData(columns, rows);
	question.forEach((q, at) => {
		if (q >= 0) image.data.set(color(q), at * 4);
	});
	return image;
}

/** Red, green, blue and opacity of a colour as it is written in the house. */
export function rgb(color: string, part = 1): number[] {
	const found = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
	return [...found, Math.round(255 * part)];
}
