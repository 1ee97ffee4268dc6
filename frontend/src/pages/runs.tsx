import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { Note } from "../picture.tsx";
import { placeName, placesOf } from "../places.ts";
import { Gallery } from "../views/gallery.tsx";
import { Multiples } from "../views/multiples.tsx";
import { PhaseDiagram } from "../views/phases.tsx";
import { SurvivalCurves } from "../views/survival.tsx";
import type { Shown } from "./shown.ts";

/** All runs beside each other: what became of them over the axes of their sweep. */
export function AllRuns(shown: Shown): JSX.Element {
	const { bundle, state, look, change } = shown;
	const { across, along } = state;
	const sweep = useMemo(() => placesOf(bundle, state), [bundle, across, along]);
	const chosen = sweep?.places.find((place) => placeName(place) === state.cell);
	const choose = (cell: string) => change({ cell: cell === state.cell ? "" : cell, from: 0 });
	return (
		<>
			{sweep ? (
				<Axes {...shown} />
			) : (
				<Note>
					These runs differ in nothing that was swept over. Train with{" "}
					<code>
						over={"{"}"optimizer.weight_decay": [0.3, 1, 3]{"}"}
					</code>{" "}
					to compare settings.
				</Note>
			)}
			<div class="views beside">
				{sweep && (
					<>
						<section>
							<h2>Phase diagram</h2>
							<PhaseDiagram {...{ bundle, state, look, sweep, change, choose }} />
						</section>
						<section>
							<h2>Curves of every place</h2>
							<Multiples {...{ bundle, look, sweep, chosen, choose, scale: state.scale }} />
						</section>
					</>
				)}
				<section class="wide">
					<h2>Time to generalise</h2>
					<SurvivalCurves {...{ bundle, state, look, change }} />
				</section>
				<section class="wide">
					<h2>Runs</h2>
					<Gallery {...{ bundle, state, look, change, sweep, chosen }} />
				</section>
			</div>
		</>
	);
}

/** Which axes of the sweep lie along which side. */
function Axes({ bundle, state, change }: Shown): JSX.Element {
	const sweep = placesOf(bundle, state)!;
	const sides = [
		["across", "from left to right", sweep.across],
		["along", "from bottom to top", sweep.along],
	] as const;
	const pick = (side: "across" | "along", path: string) => {
		const other = side === "across" ? "along" : "across";
		const there = sides.find(([name]) => name === other)![2];
		const before = sides.find(([name]) => name === side)![2];
		// Two sides cannot show one axis: they change places.
		const swapped = there?.path === path ? { [other]: before!.path } : {};
		change({ [side]: path, ...swapped, cell: "", from: 0 });
	};
	return (
		<div class="controls">
			{sides.map(
				([side, words, axis]) =>
					axis && (
						<label class="run" key={side}>
							{words}{" "}
							<select value={axis.path} onChange={(event) => pick(side, event.currentTarget.value)}>
								{bundle.axes.map(({ path, name }) => (
									<option key={path} value={path}>
										{name}
									</option>
								))}
							</select>
						</label>
					),
			)}
		</div>
	);
}
