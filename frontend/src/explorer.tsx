// The explorer: one module, whose hosts are a page that carries its own data, a server, and anywidget.

import { render as renderInto } from "preact";
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Bundle } from "./bundle.ts";
import { fromBase64, type Model, pageModel, serverModel } from "./host.ts";
import liveCss from "./live/live.css";
import { Live } from "./live/live.tsx";
import { ByHand } from "./pages/hand.tsx";
import { OneRun } from "./pages/one.tsx";
import { Story } from "./pages/story.tsx";
import { TrainHere } from "./pages/train.tsx";
import { AllRuns } from "./pages/runs.tsx";
import type { Shown } from "./pages/shown.ts";
import type { Look } from "./picture.tsx";
import { formatState, type PageName, parseState, START, type State } from "./state.ts";
import css from "./style.css";
import sweepCss from "./sweep.css";

/** The pages that there are, as the reader is told of them. */
const PAGES: Record<PageName, { name: string; Page: (shown: Shown) => JSX.Element }> = {
	run: { name: "One run", Page: OneRun },
	runs: { name: "All runs", Page: AllRuns },
	story: { name: "Story", Page: Story },
	hand: { name: "By hand", Page: ByHand },
	train: { name: "Train here", Page: TrainHere },
};

function Explorer({ model, bundle }: { model: Model; bundle: Bundle }): JSX.Element {
	const [state, change] = useModel(model, bundle);
	const look = useLook(bundle);
	const { Page } = PAGES[state.page];
	const pages = Object.entries(PAGES) as [PageName, (typeof PAGES)[PageName]][];
	return (
		<>
			<h1>{bundle.title}</h1>
			{pages.length > 1 && (
				<nav aria-label="Pages">
					{pages.map(([page, { name }]) => (
						<button
							key={page}
							type="button"
							aria-current={page === state.page ? "page" : undefined}
							onClick={() => change({ page })}
						>
							{name}
						</button>
					))}
				</nav>
			)}
			<Page {...{ bundle, state, look, change }} />
		</>
	);
}

/** The state that the model's link describes, and a way to change a part of it. */
function useModel(model: Model, bundle: Bundle): [State, (part: Partial<State>) => void] {
	const start = { ...START, run: bundle.runs[0]!.run };
	const [text, setText] = useState(model.get("state"));
	useEffect(() => {
		const changed = () => setText(model.get("state"));
		changed(); // a page may have set it before this
		model.on("change:state", changed);
		return () => model.off("change:state", changed);
	}, [model]);
	const state = useMemo(() => parseState(text, start), [text, bundle]);
	const change = (part: Partial<State>) => {
		// Not a part of `state`: what is called late, as effects are, would undo what was changed since.
		const now = parseState(model.get("state"), start);
		model.set("state", formatState({ ...now, ...part }));
		model.save_changes();
	};
	return [state, change];
}

/** The house's colours, light or dark as the reader has it. */
function useLook(bundle: Bundle): Look {
	const query = useMemo(() => matchMedia("(prefers-color-scheme: dark)"), []);
	const [dark, setDark] = useState(query.matches);
	const [ratio, setRatio] = useState(devicePixelRatio);
	useEffect(() => {
		const changed = () => setDark(query.matches);
		const zoomed = () => setRatio(devicePixelRatio);
		query.addEventListener("change", changed);
		window.addEventListener("resize", zoomed);
		return () => {
			query.removeEventListener("change", changed);
			window.removeEventListener("resize", zoomed);
		};
	}, [query]);
	return useMemo(() => {
		const colors = bundle.colors[Number(dark)]!;
		const names = Object.keys(colors).filter((name) => name.startsWith("frequency-"));
		const { ink, quiet, rule, train, test } = colors as Record<string, string> & Look;
		const frequencies = names.map((name) => colors[name]!);
		return { ink, quiet, rule, train, test, frequencies, ramps: bundle.ramps[Number(dark)]! };
	}, [bundle, dark, ratio]); // another look of the same colours is drawn as sharply as one can see now
}

/** Draws the explorer of `model` into `el`, and gives what takes it away again. */
function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
	el.classList.add("flyroom");
	el.replaceChildren();
	renderInto(
		<Live model={model} css={css + sweepCss + liveCss}>
			{(bundle) => <Explorer model={model} bundle={bundle} />}
		</Live>,
		el,
	);
	return () => renderInto(null, el);
}

export default { render };

const carried = document.getElementById("flyroom-bundle");
const place = document.getElementById("flyroom");
if (carried && place)
	render({ model: pageModel(fromBase64(carried.textContent ?? "")), el: place });
else if (place?.dataset.server) render({ model: serverModel(place.dataset.server), el: place });
