import type { JSX } from "preact";
import { useCallback } from "preact/hooks";
import { drawX } from "../axes.ts";
import { type Kept, largest, row } from "../bundle.ts";
import { type Frame, type Look, Note, Picture } from "../picture.tsx";
import { colorOf, groups } from "../groups.ts";
import { percent, whole } from "../words.ts";

const TITLE = 22;
const FOOT = 40;

interface Props {
	kept: Kept;
	index: number;
	look: Look;
}

/** The input weights of every neuron as a line over the tokens, grouped by frequency. */
export function Waves({ kept, index, look }: Props): JSX.Element {
	const found = groups(kept);
	const [, tables = 1, tokens = 0, neurons = 0] = kept.w_in.shape;
	const spacing = Math.max(5, Math.min(16, 420 / neurons));
	const height = FOOT + found.length * (TITLE + spacing) + neurons * spacing;
	const draw = useCallback(
		(frame: Frame) => {
			const { context, width } = frame;
			const box = { left: 4, right: width - 8, top: 0, bottom: height - FOOT };
			const x = (token: number) =>
				box.left + (token / Math.max(1, tokens - 1)) * (box.right - box.left);
			const table = row(kept.w_in, index);
			const scale = (1.2 * spacing) / largest(kept.w_in.data);
			const now = row(kept.frequency!, index);
			let y = 0;
			for (const group of found) {
				const color = colorOf(group.frequency, kept, look);
				y += TITLE;
				title(context, group, now, color, y - 6);
				for (const neuron of group.neurons) {
					y += spacing;
					context.strokeStyle = now[neuron] ? colorOf(now[neuron], kept, look) : look.quiet;
					context.lineWidth = now[neuron] ? 1.3 : 0.8;
					context.beginPath();
					for (let token = 0; token < tokens; token++) {
						context.lineTo(x(token), y - scale * table[token * neurons + neuron]!);
					}
					context.stroke();
				}
				y += spacing;
			}
			const ticks = [0, Math.floor((tokens - 1) / 2), tokens - 1];
			drawX(
				frame,
				box,
				x,
				ticks.map((at) => ({ at, words: `${at}` })),
				"token",
			);
		},
		[kept, index, height],
	);
	if (!kept.tokens)
		return <Note>This network reads features, which stand in no order: there are no waves.</Note>;
	const now = [...row(kept.frequency!, index)];
	const label =
		`Input weights of ${neurons} neurons over ${tokens} tokens at step ${whole(kept.steps.data[index]!)}. ` +
		`${now.filter(Boolean).length} are waves of one frequency` +
		`${now.some(Boolean) ? `: ${[...new Set(now.filter(Boolean))].sort((a, b) => a - b).join(", ")}` : ""}.`;
	return (
		<>
			<Picture name="waves" {...{ label, height, look, draw }} />
			<p class="key">
				{tables > 1 && "The table of the first position. "}
				Groups are those of the last step. A line is coloured once {percent(kept.share!)} of its
				power is in one frequency.
			</p>
		</>
	);
}

function title(
	context: CanvasRenderingContext2D,
	group: { frequency: number; neurons: number[] },
	now: ArrayLike<number>,
	color: string,
	y: number,
) {
	context.fillStyle = color;
	context.textAlign = "left";
	context.textBaseline = "bottom";
	context.font = "600 12px system-ui, sans-serif";
	const name = group.frequency ? `frequency ${group.frequency}` : "no one frequency";
	const there = group.neurons.filter((n) => now[n] === group.frequency).length;
	context.fillText(`${name} · ${there} of ${group.neurons.length} neurons`, 4, y);
	context.font = "12px system-ui, sans-serif";
}
