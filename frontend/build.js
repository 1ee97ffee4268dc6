// Bundles the explorer to the one module that the Python package ships.
import { resolve } from "node:path";
import { build } from "esbuild";

/** A worker is a program of its own, which the module carries as text: a page has no other file. */
const workers = {
	name: "workers",
	setup({ onResolve, onLoad }) {
		onResolve({ filter: /\?worker$/ }, ({ path, resolveDir }) => ({
			path: resolve(resolveDir, path.replace("?worker", "")),
			namespace: "worker",
		}));
		onLoad({ filter: /.*/, namespace: "worker" }, async ({ path }) => {
			const made = await build({
				bundle: true,
				entryPoints: [path],
				format: "iife",
				minify: true,
				target: "es2022",
				write: false,
			});
			return { contents: made.outputFiles[0].text, loader: "text" };
		});
	},
};

await build({
	bundle: true,
	entryPoints: ["src/explorer.tsx"],
	format: "esm",
	jsx: "automatic",
	jsxImportSource: "preact",
	legalComments: "none",
	loader: { ".css": "text" },
	minify: true,
	plugins: [workers],
	outfile: "../src/flyroom/explorer/static/explorer.js",
	target: "es2022",
});
