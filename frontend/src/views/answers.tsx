import type { JSX } from "preact";
import { useCallback } from "preact/hooks";
import { drawX, heading } from "../axes.ts";
import { largest } from "../bundle.ts";
import { type Frame, type Look, Picture } from "../picture.tsx";

const ROW = 92;

export interface Answer {
	name: string;
	logits: ArrayLike<number>;
	color: string;
}

interface Props {
	answers: Answer[];
	right: number; // the class that is right
	look: Look;
}

/** Logits of the same pair, one row above the other, each with a scale of its own. */
export function Answers({ answers, right, look }: Props): JSX.Element {
	const height = answers.length * ROW + 40;
	const classes = answers[0]!.logits.length;
	const draw = useCallback(
		(frame: Frame) => {
			const { context, width } = frame;
			const box = { left: 6, right: width - 6, top: 0, bottom: height - 38 };
			const room = (box.right - box.left) / classes;
			const x = (c: number) => box.left + (c + 0.5) * room;
			context.fillStyle = look.rule;
			context.fillRect(x(right) - room / 2, 0, room, box.bottom);
			answers.forEach(({ name, logits, color }, i) => {
				const zero = i * ROW + 20 + (ROW - 24) / 2;
				const scale = (ROW - 24) / 2 / largest(logits);
				context.fillStyle = color;
				for (let c = 0; c < classes; c++) {
					const up = logits[c]! * scale;
					context.globalAlpha = c === right ? 1 : 0.65;
					context.fillRect(x(c) - 0.4 * room, zero - Math.max(0, up), 0.8 * room, Math.abs(up));
				}
				context.globalAlpha = 1;
				heading(frame, box.left, i * ROW + 18, name);
			});
			const named = [0, Math.floor((classes - 1) / 2), classes - 1].filter(
				(c) => Math.abs(c - right) > classes / 20,
			);
			const ticks = [...new Set([...named, right])].map((at) => ({ at, words: `${at}` }));
			drawX(frame, box, x, ticks, "class");
		},
		[answers, right, height],
	);
	const told = answers.map(({ name, logits }) => `${name}: ${best(logits)}`);
	const label = `Logits of every class; the right one is ${right}. The largest are: ${told.join("; ")}.`;
	const table = () => ({
		columns: ["class", ...answers.map(({ name }) => name)],
		rows: Array.from({ length: classes }, (_, c) => [c, ...answers.map((one) => one.logits[c]!)]),
	});
	return <Picture name="answers" {...{ label, height, look, draw, table }} />;
}

function best(logits: ArrayLike<number>): number {
	let found = 0;
	for (let c = 1; c < logits.length; c++) if (logits[c]! > logits[found]!) found = c;
	return found;
}
