// A canvas that fits its place, is sharp on any screen, and says in words what it shows.

import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Save, type Table } from "./save.tsx";

const LATER = 50; // milliseconds after which what nobody sees is drawn too

/** The house's colours as they are now, in light or in dark. */
export interface Look {
	ink: string;
	quiet: string;
	rule: string;
	train: string;
	test: string;
	frequencies: string[];
	ramps: Record<string, string[]>;
}

export interface Frame {
	context: CanvasRenderingContext2D;
	width: number;
	height: number;
	look: Look;
}

export type Draw = (frame: Frame) => void;

interface Props {
	name: string; // by which the picture is found in the page
	label: string;
	height: number;
	look: Look;
	draw: Draw;
	over?: Draw; // drawn on top, when what lies below stays as it is
	table?: () => Table; // the numbers behind it, for those who want to have them
	onPick?: (x: number, width: number, y: number) => void;
}

/** Draws whenever its size or what it is given changes; `draw` is to be memoised. */
export function Picture(props: Props): JSX.Element {
	const { name, label, height, look, draw, over, table, onPick } = props;
	const place = useRef<HTMLDivElement>(null);
	const [width, setWidth] = useState(0);
	const seen = useRef(true);
	useLayoutEffect(() => {
		const element = place.current!;
		const sizes = new ResizeObserver(() => setWidth(element.clientWidth));
		const looks = new IntersectionObserver((all) => (seen.current = all.at(-1)!.isIntersecting));
		sizes.observe(element);
		looks.observe(element);
		setWidth(element.clientWidth);
		return () => {
			sizes.disconnect();
			looks.disconnect();
		};
	}, []);
	const given = { width, height, look, seen };
	const pick = (event: MouseEvent) => {
		const { left, top } = place.current!.getBoundingClientRect();
		onPick?.(event.clientX - left, width, event.clientY - top);
	};
	return (
		<div
			class={onPick ? "picture pick" : "picture"}
			ref={place}
			style={{ height: `${height}px` }}
			onClick={pick}
		>
			<Layer {...{ ...given, name, label, draw }} />
			{over && <Layer {...{ ...given, name: `${name}-over`, draw: over }} />}
			<Save {...{ name, width, height, look, table }} draws={over ? [draw, over] : [draw]} />
		</div>
	);
}

interface LayerProps {
	name: string;
	label?: string;
	width: number;
	height: number;
	look: Look;
	seen: { current: boolean };
	draw: Draw;
}

/** What is seen is drawn at once; the rest soon after, unless there is something newer by then. */
function Layer({ name, label, width, height, look, seen, draw }: LayerProps): JSX.Element {
	const canvas = useRef<HTMLCanvasElement>(null);
	useLayoutEffect(() => {
		const element = canvas.current!;
		const paint = () => {
			paintInto(element, { width, height, look, draw });
			delete element.dataset["pending"];
		};
		if (seen.current) return paint();
		element.dataset["pending"] = "";
		const timer = setTimeout(paint, LATER);
		return () => clearTimeout(timer);
	}, [width, height, look, draw]);
	const words = label ? { role: "img" as const, "aria-label": label } : { "aria-hidden": true };
	return <canvas ref={canvas} data-picture={name} {...words} />;
}

function paintInto(
	element: HTMLCanvasElement,
	{ width, height, look, draw }: Pick<LayerProps, "width" | "height" | "look" | "draw">,
) {
	const ratio = window.devicePixelRatio || 1;
	element.width = Math.round(width * ratio);
	element.height = Math.round(height * ratio);
	const context = element.getContext("2d");
	if (!context || !width) return;
	context.scale(ratio, ratio);
	context.font = "12px system-ui, sans-serif";
	draw({ context, width, height, look });
}

/** What there is to say where there is nothing to draw. */
export function Note({ children }: { children: preact.ComponentChildren }): JSX.Element {
	return (
		<p class="note" role="status">
			{children}
		</p>
	);
}
