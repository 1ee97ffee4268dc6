import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { stepScale } from "../axes.ts";
import { type Bundle, isMissing, latest, nearest } from "../bundle.ts";
import { Controls } from "../controls.tsx";
import type { Look } from "../picture.tsx";
import { START, type State } from "../state.ts";
import { type Part, partsOf } from "../story/parts.ts";
import { Figure } from "../views/figure.tsx";
import type { Shown } from "./shown.ts";

const BESIDE = "(min-width: 56rem)"; // from here on there is room for a figure beside the text
const HOLD = 700; // milliseconds for which a part that was chosen is not scrolled away from

/** A tour of one run, whose sentences move the figure beside them. */
export function Story({ bundle, state, look, change }: Shown): JSX.Element {
	const at = Math.max(
		0,
		bundle.runs.findIndex((one) => one.run === state.run),
	);
	const { kept } = bundle.runs[at]!;
	const parts = useMemo(() => partsOf(bundle, at), [bundle, at]);
	const part = Math.min(state.part, parts.length - 1);
	const steps = useMemo(
		() => (isMissing(kept) ? [...bundle.steps.data] : [...kept.steps.data]),
		[bundle, at],
	);
	const index = latest(steps, state.step);
	useParts(parts, part, at, state, change);
	const pick = (step: number) => {
		const scale = stepScale(state.scale, steps.at(-1)!, 0, 1);
		change({ step: steps[nearest(steps, step, scale)]! });
	};
	const beside = useWide();
	const figure = (
		<Figure
			{...{ bundle, run: at, look, pick, change, index, view: parts[part]!.view }}
			state={{ ...state, step: steps[index]! }}
		/>
	);
	return (
		<>
			<Controls {...{ bundle, run: at, steps, index, state, change }} />
			<div class="story">
				<Tale {...{ parts, part, bundle, change, beside, look }}>{!beside && figure}</Tale>
				{beside && <div class="aside">{figure}</div>}
			</div>
		</>
	);
}

/** Sets the views to what a part shows when it is come to, but leaves a link as its sender saw it. */
function useParts(parts: Part[], part: number, run: number, state: State, change: Shown["change"]) {
	const first = useRef(state.step !== START.step);
	useEffect(() => {
		if (!first.current) change(parts[part]!.state);
		first.current = false;
	}, [part, run]);
}

function useWide(): boolean {
	const query = useMemo(() => matchMedia(BESIDE), []);
	const [wide, setWide] = useState(query.matches);
	useEffect(() => {
		const changed = () => setWide(query.matches);
		query.addEventListener("change", changed);
		return () => query.removeEventListener("change", changed);
	}, [query]);
	return wide;
}

interface TaleProps {
	parts: Part[];
	part: number;
	bundle: Bundle;
	look: Look;
	beside: boolean;
	change: Shown["change"];
	children: preact.ComponentChildren;
}

function Tale({ parts, part, bundle, beside, change, children }: TaleProps): JSX.Element {
	const list = useRef<HTMLOListElement>(null);
	const held = useRef(0);
	const choose = (next: number) => {
		held.current = performance.now() + HOLD;
		if (next !== part) change({ part: next });
	};
	const reached = (next: number) => {
		if (performance.now() > held.current && next !== part) change({ part: next });
	};
	useScrolled(list, beside, reached);
	useEffect(() => {
		if (part) list.current!.querySelector("[aria-current]")!.scrollIntoView({ block: "center" });
	}, []);
	const press = (event: KeyboardEvent) => {
		const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
		const buttons = list.current!.querySelectorAll<HTMLElement>("button.sentence");
		if (!way || !(event.target as HTMLElement).matches("button.sentence")) return;
		event.preventDefault();
		buttons[Math.max(0, Math.min(buttons.length - 1, part + way))]!.focus();
	};
	return (
		<ol class="tale" ref={list} onKeyDown={press}>
			{parts.map(({ title, text, pages = [], runs = [] }, i) => (
				<li key={i} data-part={i}>
					<button
						type="button"
						class="sentence"
						aria-current={i === part ? "step" : undefined}
						onClick={() => choose(i)}
						onFocus={() => choose(i)}
					>
						<strong>{title}</strong>
						{text}
					</button>
					{pages.length + runs.length > 0 && (
						<p class="ways">
							{runs.map((run) => (
								<button key={run} type="button" onClick={() => change({ run, part: 0 })}>
									{bundle.runs.find((one) => one.run === run)!.label}
								</button>
							))}
							{pages.map(([page, words]) => (
								<button key={page} type="button" onClick={() => change({ page })}>
									{words} →
								</button>
							))}
						</p>
					)}
					{i === part && children}
				</li>
			))}
		</ol>
	);
}

/** Tells which part has come to the middle of the window, once the reader scrolls. */
function useScrolled(
	list: { current: HTMLOListElement | null },
	beside: boolean,
	reached: (part: number) => void,
) {
	const now = useRef(reached);
	now.current = reached;
	useEffect(() => {
		if (!beside) return; // the figure moves with its part there, and would move the text
		const look = () => {
			const middle = innerHeight / 2;
			for (const item of list.current!.querySelectorAll<HTMLElement>("[data-part]")) {
				const { top, bottom } = item.getBoundingClientRect();
				if (top <= middle && bottom > middle) now.current(Number(item.dataset["part"]));
			}
		};
		addEventListener("scroll", look, { passive: true });
		return () => removeEventListener("scroll", look);
	}, [beside]);
}
