import type { Bundle } from "../bundle.ts";
import type { Look } from "../picture.tsx";
import type { State } from "../state.ts";

/** What every page of the explorer is given. */
export interface Shown {
	bundle: Bundle;
	state: State;
	look: Look;
	change: (part: Partial<State>) => void;
}
