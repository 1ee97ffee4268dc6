import type { JSX } from "preact";
import { useCallback } from "preact/hooks";
import { type Box, drawX, heading, LINE } from "../axes.ts";
import { type Kept, largest, row } from "../bundle.ts";
import { colorOf, type Group, groups } from "../groups.ts";
import { type Frame, type Look, Picture } from "../picture.tsx";
import { cells, paint } from "../ramp.ts";
import { grid } from "../tables.ts";
import { short, whole } from "../words.ts";

const HEIGHT = 260;
const LABELS = 34; // pixels for the frequencies of groups
const LIMITS = 74; // and for the scale of colours

interface Props {
	kept: Kept;
	index: number;
	look: Look;
}

/** Every matrix at a step as colours, one neuron in each row. */
export function Weights({ kept, index, look }: Props): JSX.Element {
	const { w_in, w_out } = kept;
	const [, tables = 1, tokens = 0] = w_in.shape;
	const columns = w_in.shape[3] ?? 0;
	const size = tokens * columns;
	const into = row(w_in, index);
	const neurons: Side = { name: "neuron", order: [...kept.order.data], groups: groups(kept) };
	const channels = Array.from({ length: columns }, (_, i) => i);
	const matrices: Matrix[] = Array.from({ length: tables }, (_, t) => ({
		name: `weights-in-${t}`,
		title: titleOf(kept, t, tables),
		side: kept.channels ? { name: "channel", order: channels, groups: [] } : neurons,
		across: kept.tokens ? "token" : "input",
		columns: tokens,
		numbers: into.subarray(t * size, (t + 1) * size),
		at: (neuron, column) => column * columns + neuron,
	}));
	if (w_out && neurons.order.length) {
		const outputs = w_out.shape[2] ?? 0;
		matrices.push({
			name: "weights-out",
			title: kept.channels ? "out of the neurons, to the answers" : "out of them",
			side: neurons,
			across: "output",
			columns: outputs,
			numbers: row(w_out, index),
			at: (neuron, column) => neuron * outputs + column,
		});
	}
	return (
		<>
			<div class="pair">
				{matrices.map((matrix) => (
					<Heatmap key={matrix.name} {...{ kept, index, look, matrix }} />
				))}
			</div>
			<p class="key">
				Neurons stand from top to bottom
				{kept.tokens ? " by their frequency and phase at the last step" : " by size"}, in the same
				order at every step
				{kept.frequency && "; beside them stands the frequency that a group has in the end"}. Every
				matrix has a colour scale of its own at every step, symmetric around zero.
			</p>
		</>
	);
}

function titleOf(kept: Kept, table: number, tables: number): string {
	if (kept.channels) return "embedding of the tokens";
	return tables > 1 ? `into the neurons, operand ${table + 1}` : "into the neurons";
}

/** What stands in the rows of a matrix, from top to bottom. */
interface Side {
	name: string;
	order: number[];
	groups: Group[];
}

interface Matrix {
	name: string;
	title: string;
	side: Side;
	across: string;
	columns: number;
	numbers: ArrayLike<number>; // all of the matrix at the step
	at: (neuron: number, column: number) => number; // where in them a weight lies
}

function Heatmap({ kept, index, look, matrix }: Props & { matrix: Matrix }): JSX.Element {
	const limit = largest(matrix.numbers);
	const draw = useCallback(
		(frame: Frame) => {
			const { context, width, height } = frame;
			const { order, groups } = matrix.side;
			const named = groups.some(({ frequency }) => frequency > 0);
			const box = { left: named ? LABELS : 2, right: width - LIMITS, top: 22, bottom: height - 38 };
			const place = [box.left, box.top, box.right - box.left, box.bottom - box.top] as const;
			const image = cells(matrix.columns, order.length, look.ramps["weights"]!, (column, place) => {
				const value = matrix.numbers[matrix.at(order[place]!, column)]!;
				return 0.5 + value / (2 * limit);
			});
			paint(context, image, [...place]);
			const x = (column: number) => box.left + ((column + 0.5) / matrix.columns) * place[2];
			const ticks = [0, Math.floor((matrix.columns - 1) / 2), matrix.columns - 1];
			const marks = [...new Set(ticks)].map((at) => ({ at, words: `${at}` }));
			drawX(frame, box, x, marks, matrix.across);
			heading(frame, box.left, box.top - 5, matrix.title);
			drawScale(frame, box.right + 8, box.top, place[3], limit);
			if (named) drawGroups(frame, kept, groups, box);
		},
		[kept, index, matrix.name, limit],
	);
	const label =
		`Heatmap of the weights ${matrix.title} at step ${whole(kept.steps.data[index]!)}: ` +
		`${matrix.side.order.length} ${matrix.side.name}s by ${matrix.columns} ${matrix.across}s, from ${short(-limit)} to ${short(limit)}.`;
	const { order, name } = matrix.side;
	const table = () =>
		grid(
			[name, matrix.across, "weight"],
			order,
			matrix.columns,
			(one, column) => matrix.numbers[matrix.at(one, column)]!,
		);
	return <Picture name={matrix.name} {...{ label, height: HEIGHT, look, draw, table }} />;
}

/** Beside each group of neurons its frequency, where there is room for it. */
function drawGroups({ context, look }: Frame, kept: Kept, found: Group[], box: Box) {
	const count = found.reduce((sum, { neurons }) => sum + neurons.length, 0);
	const high = (box.bottom - box.top) / count;
	context.textAlign = "right";
	context.textBaseline = "middle";
	let [top, free] = [box.top, box.top];
	for (const { frequency, neurons } of found) {
		const bottom = top + neurons.length * high;
		context.fillStyle = frequency ? colorOf(frequency, kept, look) : look.rule;
		context.fillRect(box.left - 5, top + 0.5, 3, Math.max(1, bottom - top - 1));
		const middle = (top + bottom) / 2;
		if (frequency && middle - LINE / 2 >= free) {
			context.fillStyle = look.ink;
			context.fillText(`${frequency}`, box.left - 8, middle);
			free = middle + LINE / 2;
		}
		top = bottom;
	}
}

function drawScale({ context, look }: Frame, x: number, y: number, height: number, limit: number) {
	const colors = look.ramps["weights"]!;
	const shades = context.createLinearGradient(0, y + height, 0, y);
	colors.forEach((color, i) => shades.addColorStop(i / (colors.length - 1), color));
	context.fillStyle = shades;
	context.fillRect(x, y, 8, height);
	context.fillStyle = look.quiet;
	context.textAlign = "left";
	context.textBaseline = "middle";
	const words = [`${short(limit)}`, "0", `−${short(limit)}`];
	words.forEach((text, i) => context.fillText(text, x + 12, y + 6 + (i * (height - 12)) / 2));
}
