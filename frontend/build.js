// Bundles the explorer to the one module that the Python package ships.
import { build } from "esbuild";

await build({
	bundle: true,
	entryPoints: ["src/explorer.tsx"],
	format: "esm",
	jsx: "automatic",
	jsxImportSource: "preact",
	legalComments: "none",
	loader: { ".css": "text" },
	minify: true,
	outfile: "../src/flyroom/explorer/static/explorer.js",
	target: "es2022",
});
