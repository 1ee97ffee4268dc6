declare module "svgcanvas/dist/svgcanvas.esm.js" {
	/** A context that makes an SVG of what is drawn. */
	export const Context: new (options: {
		width: number;
		height: number;
	}) => CanvasRenderingContext2D & {
		getSvg(): SVGSVGElement;
		getSerializedSvg(): string;
	};
}
