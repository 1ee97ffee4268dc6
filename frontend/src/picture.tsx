// A canvas that fits its place, is sharp on any screen, and says in words what it shows.

import type { JSX, RefObject } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { WORDS } from "./axes.ts";
import { Save } from "./save.tsx";
import type { Table } from "./tables.ts";

export const LATER = 100; // milliseconds without a change after which what nobody sees is drawn too

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
	table: () => Table; // the numbers behind it
	onPick?: (x: number, width: number, y: number) => void;
}

/** Something in the page, and whether it is on the screen. */
export function useSeen<E extends Element>(isThere = true): [RefObject<E | null>, boolean] {
	const place = useRef<E>(null);
	const [seen, setSeen] = useState(true);
	useLayoutEffect(() => {
		if (!isThere) return setSeen(false);
		const changed = (all: IntersectionObserverEntry[]) => setSeen(all.at(-1)!.isIntersecting);
		const looks = new IntersectionObserver(changed);
		looks.observe(place.current!);
		return () => looks.disconnect();
	}, [isThere]);
	return [place, seen];
}

/** Draws whenever its size or what it is given changes; `draw` is to be memoised. */
export function Picture(props: Props): JSX.Element {
	const { name, label, height, look, draw, over, table, onPick } = props;
	const [place, seen] = useSeen<HTMLDivElement>();
	const [width, setWidth] = useState(0);
	useLayoutEffect(() => {
		const element = place.current!;
		const sizes = new ResizeObserver(() => setWidth(element.clientWidth));
		sizes.observe(element);
		setWidth(element.clientWidth);
		return () => sizes.disconnect();
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

interface Painting {
	width: number;
	height: number;
	look: Look;
	draw: Draw;
}

interface LayerProps extends Painting {
	name: string;
	label?: string;
	seen: boolean;
}

/** What is seen is drawn at once; the rest when it is, or soon after the last change. */
function Layer({ name, label, width, height, look, seen, draw }: LayerProps): JSX.Element {
	const canvas = useRef<HTMLCanvasElement>(null);
	const painting = useMemo(() => ({ width, height, look, draw }), [width, height, look, draw]);
	const painted = useRef<Painting>(null);
	useLayoutEffect(() => {
		if (painted.current === painting) return;
		const element = canvas.current!;
		const paint = () => {
			paintInto(element, painting);
			painted.current = painting;
			delete element.dataset["pending"];
		};
		if (seen) return paint();
		element.dataset["pending"] = "";
		const timer = setTimeout(paint, LATER);
		return () => clearTimeout(timer);
	}, [painting, seen]);
	const words = label ? { role: "img" as const, "aria-label": label } : { "aria-hidden": true };
	return <canvas ref={canvas} data-picture={name} {...words} />;
}

function paintInto(element: HTMLCanvasElement, { width, height, look, draw }: Painting) {
	const ratio = window.devicePixelRatio || 1;
	element.width = Math.round(width * ratio);
	element.height = Math.round(height * ratio);
	const context = element.getContext("2d");
	if (!context || !width) return;
	context.scale(ratio, ratio);
	context.font = WORDS;
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
