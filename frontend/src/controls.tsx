import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { stepScale } from "./axes.ts";
import { type Bundle, nearest } from "./bundle.ts";
import type { State } from "./state.ts";
import { whole } from "./words.ts";

const LENGTH = 1000; // of the slider, in its own units
const PAUSE = 90; // milliseconds between steps that are played
const FAR = 10; // steps of a page up or down

interface Props {
	bundle: Bundle;
	run: number; // its place in the bundle
	steps: ArrayLike<number>; // that can be shown
	index: number; // of the one that is
	state: State;
	change: (part: Partial<State>) => void;
}

/** Which run, and which step of it. */
export function Controls({ bundle, run, steps, index, state, change }: Props): JSX.Element {
	const [playing, setPlaying] = useState(false);
	const last = steps.length - 1;
	const move = (to: number) => change({ step: steps[Math.max(0, Math.min(last, to))]! });
	useKeys(move, index, last);
	useEffect(() => {
		if (!playing) return;
		if (index === last) return setPlaying(false);
		const timer = setTimeout(() => move(index + 1), PAUSE);
		return () => clearTimeout(timer);
	}, [playing, index, last]);
	const play = () => {
		if (!playing && index === last) move(0);
		setPlaying(!playing);
	};
	const scale = stepScale(state.scale, steps[last]!, 0, LENGTH);
	const slide = (event: Event) => {
		const step = scale.invert(Number((event.currentTarget as HTMLInputElement).value));
		move(nearest(steps, step, scale));
	};
	const other = state.scale === "log" ? "linear" : "log";
	return (
		<div class="controls">
			<label class="run">
				run{" "}
				<select
					value={run}
					onChange={(event) => change({ run: bundle.runs[Number(event.currentTarget.value)]!.run })}
				>
					{bundle.runs.map((one, i) => (
						<option key={one.run} value={i}>
							{one.label}
							{one.status && one.status !== "finished" && ` · ${one.status}`}
						</option>
					))}
				</select>
			</label>
			<button type="button" class="play" onClick={play} aria-label={playing ? "pause" : "play"}>
				{playing ? "❚❚" : "►"}
			</button>
			<input
				type="range"
				min={0}
				max={LENGTH}
				step="any"
				value={scale(steps[index]!)}
				onInput={slide}
				aria-label="step"
				aria-valuetext={`step ${whole(steps[index]!)}`}
			/>
			<output aria-live="off" data-step={steps[index]}>
				step {whole(steps[index]!)}
			</output>
			<button
				type="button"
				onClick={() => change({ scale: other })}
				aria-label={`${state.scale} steps: change to ${other}`}
			>
				{state.scale}
			</button>
		</div>
	);
}

/** Arrows move through the steps, wherever in the explorer they are pressed. */
function useKeys(move: (to: number) => void, index: number, last: number) {
	const now = useRef({ move, index, last });
	now.current = { move, index, last };
	useEffect(() => {
		const press = (event: KeyboardEvent) => {
			const target = event.composedPath()[0] as HTMLElement; // a notebook may hide the inside
			const ours = target === document.body || target.closest(".flyroom");
			// Other fields have arrows of their own.
			const typed = target.matches("select, textarea, input:not(.controls input)");
			if (!ours || typed || event.ctrlKey || event.metaKey || event.altKey) return;
			const { move, index, last } = now.current;
			const to: Record<string, number> = { ArrowLeft: index - 1, ArrowRight: index + 1 };
			if (target.matches("input")) {
				const more = { ArrowDown: index - 1, ArrowUp: index + 1, Home: 0, End: last };
				Object.assign(to, more, { PageDown: index - FAR, PageUp: index + FAR });
			}
			if (!(event.key in to)) return;
			event.preventDefault();
			move(to[event.key]!);
		};
		document.addEventListener("keydown", press);
		return () => document.removeEventListener("keydown", press);
	}, []);
}
