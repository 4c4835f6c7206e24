// The style sheet of the HTML reports. Colours follow the reader's light or dark setting with a contrast of
// at least 4.5 to 1. Wide tables scroll inside their own box, so the page itself never scrolls sideways.
#pragma once

namespace armorm::report::html {

inline constexpr const char* kStyleSheet = R"(
:root{color-scheme:light dark;--page:#fff;--text:#1b1f24;--quiet:#57606a;--rule:#d8dde3;--box:#f5f7f9;
--c0:#1f5fae;--c1:#b3510b;--c2:#1a7040;--c3:#7b3fa0;--blue:31,95,174;--orange:205,95,25;--warn:#fff4dc;--warn-rule:#d9a520}
@media(prefers-color-scheme:dark){:root{--page:#14171b;--text:#e6e9ed;--quiet:#9ea8b3;--rule:#363d45;--box:#1c2126;
--c0:#7db4f0;--c1:#f0a060;--c2:#6fcf97;--c3:#c99be8;--blue:80,150,240;--orange:235,125,55;--warn:#33290f;--warn-rule:#a57c1b}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;margin:0;color:var(--text);background:var(--page)}
main{max-width:76rem;margin:0 auto;padding:1.5rem 2rem 4rem}
h1{font-size:1.7rem;line-height:1.25;margin:.3em 0;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.6rem 0 .4rem;padding-top:.8rem;border-top:1px solid var(--rule);overflow-wrap:anywhere}
h3{font-size:1rem;margin:1.8rem 0 .2rem;overflow-wrap:anywhere}
p{max-width:46rem;margin:.4rem 0 .8rem;overflow-wrap:anywhere}
a{color:var(--c0)}
code{font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:.9em}
small,.quiet,figcaption small{color:var(--quiet)}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;list-style:none;margin:1rem 0 0;padding:0}
nav a{display:inline-block;padding:.25rem 0}
a:focus-visible,summary:focus-visible,.wide:focus-visible{outline:2px solid var(--c0);outline-offset:2px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(13.5rem,1fr));gap:.8rem;margin:1.2rem 0;padding:0}
.tiles>div{border:1px solid var(--rule);background:var(--box);border-radius:8px;padding:.7rem .9rem;min-width:0}
.tiles dt{color:var(--quiet);font-size:.85rem}
.tiles dd{margin:0;overflow-wrap:anywhere}
.tiles dd.big{font-size:1.65rem;line-height:1.3;font-weight:600;font-variant-numeric:tabular-nums}
.warning{border:1px solid var(--warn-rule);border-left-width:5px;background:var(--warn);border-radius:4px;padding:.5rem .8rem;max-width:none}
figure{margin:1rem 0;min-width:0;max-width:100%}
figcaption{font-weight:600;overflow-wrap:anywhere;margin-bottom:.3rem}
figcaption small{font-weight:400}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr));gap:.5rem 1.5rem}
.plots.double{grid-template-columns:repeat(auto-fill,minmax(min(100%,36rem),1fr))}
.plots figure{margin:.5rem 0}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,15rem),1fr));gap:.5rem}
.wide{overflow-x:auto;max-width:100%}
table{width:max-content;border-collapse:separate;border-spacing:0;font-size:.9rem;font-variant-numeric:tabular-nums}
td,th{padding:.22rem .6rem;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap;font-weight:400}
thead th{color:var(--quiet);font-size:.82rem;vertical-align:bottom;border-bottom-width:2px;line-height:1.25}
thead th span{display:block;width:max-content;max-width:8rem;margin-left:auto;white-space:normal;overflow-wrap:break-word}
thead th.text span,thead th:first-child span{width:auto;max-width:none;margin-left:0}
td.text,th.text,th[scope=row]{text-align:left}
th[scope=row],thead th:first-child{position:sticky;left:0;background:var(--page);z-index:1;padding-left:0}
tr.sum th,tr.sum td,tfoot th,tfoot td{font-weight:600}
tfoot th,tfoot td{border-top:2px solid var(--rule);border-bottom:0}
table.upright td{padding:.2rem .35rem;font-size:.8rem}
table.upright thead th{padding:.35rem .3rem}
table.upright thead th span{display:inline-block;width:auto;max-width:none;overflow-wrap:anywhere;max-height:17rem;writing-mode:vertical-rl;transform:rotate(180deg)}
table.upright thead th:first-child span{writing-mode:horizontal-tb;transform:none}
table.wrap{width:auto}
table.wrap td{white-space:normal;overflow-wrap:anywhere;min-width:8rem}
table.wrap td.sentence{min-width:17rem}
table.wrap td.narrow{min-width:0;white-space:nowrap}
td.bar{min-width:7rem;background:linear-gradient(rgba(var(--blue),.2),rgba(var(--blue),.2)) no-repeat 0 50%/var(--w) calc(100% - 4px)}
td.bar.from-zero{background-position:var(--x) 50%}
td.bar.low{background-image:linear-gradient(rgba(var(--orange),.22),rgba(var(--orange),.22))}
td.heat{background:rgba(var(--blue),calc(var(--a)*.5))}
td.heat.low{background:rgba(var(--orange),calc(var(--a)*.5))}
td.zero{color:var(--quiet)}
.balance,.track{display:inline-block;position:relative;width:9rem;height:.9em;vertical-align:-.1em;background:var(--box)}
.balance{background:linear-gradient(var(--rule),var(--rule)) no-repeat 50% 0/1px 100%,var(--box)}
.balance i,.track i{position:absolute;top:0;bottom:0}
.balance .high{background:var(--c0)}
.balance .low{background:var(--c1)}
.track .span{top:35%;bottom:35%;background:rgba(var(--blue),.45)}
.track .dot{width:.6em;height:.6em;top:.15em;margin-left:-.3em;border-radius:50%;background:var(--c0)}
.track .line{width:1px;background:var(--c1)}
details{margin:.3rem 0}
summary{cursor:pointer;padding:.3rem 0;overflow-wrap:anywhere}
details details,.examples>details{border-bottom:1px solid var(--rule)}
h4{font-size:.95rem;margin:0 0 .3rem;overflow-wrap:anywhere}
.texts,.sums{display:grid;grid-template-columns:minmax(0,1fr);gap:.7rem;margin:.6rem 0}
@media(min-width:46rem){.texts,.sums{grid-template-columns:repeat(2,minmax(0,1fr))}}
.texts>div{border:1px solid var(--rule);border-left:4px solid var(--quiet);border-radius:4px;background:var(--box);padding:.5rem .8rem;min-width:0}
.texts>.prompt{grid-column:1/-1}
.texts>.chosen{border-left-color:var(--c0)}
.texts>.rejected{border-left-color:var(--c1)}
.turn{margin:.2rem 0 .6rem}
.role{color:var(--quiet);font-size:.82rem;margin:0}
.said{white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate;tab-size:4}
.mark-right,.mark-wrong{font-weight:600}
.mark-right{color:var(--c2)}
.mark-wrong{color:var(--c1)}
svg.chart{display:block;width:100%;max-width:34rem;height:auto;border:1px solid var(--rule);border-radius:6px;background:var(--box)}
svg.chart text{font-size:11px;fill:var(--quiet)}
svg.chart.sum{max-width:29rem;border:0;background:none}
svg.chart text.row{fill:var(--text);stroke:var(--page);stroke-width:3px;paint-order:stroke}
svg.chart text.total{font-weight:600}
svg.chart rect.less{opacity:.5}
svg.chart .link{stroke-width:.6;stroke-dasharray:none;opacity:.7}
svg.chart .grid{stroke:var(--rule);stroke-width:1}
svg.chart .reference{stroke:var(--quiet);stroke-dasharray:3 3}
svg.chart path{fill:none;stroke-width:2;stroke-linejoin:round}
svg.chart path.faint{stroke-width:1;opacity:.5}
svg.chart polygon{opacity:.18;stroke:none}
svg.chart circle.hover{opacity:0}
svg.chart circle.hover:hover{opacity:1}
.s0{stroke:var(--c0)}.s1{stroke:var(--c1);stroke-dasharray:7 3}.s2{stroke:var(--c2);stroke-dasharray:2 3}.s3{stroke:var(--c3);stroke-dasharray:8 3 2 3}
.f0{fill:var(--c0)}.f1{fill:var(--c1)}.f2{fill:var(--c2)}.f3{fill:var(--c3)}
svg.key{width:12px;height:8px;margin:0 .3rem 0 .6rem}
.legend{display:flex;flex-wrap:wrap;gap:.1rem 1rem;list-style:none;margin:.3rem 0;padding:0;font-size:.85rem;color:var(--quiet)}
.legend svg{width:26px;height:8px;vertical-align:middle;margin-right:.4rem}
.legend line{stroke-width:2.5}
@media(max-width:40rem){main{padding:1rem 1rem 3rem}h1{font-size:1.35rem}
th[scope=row],thead th:first-child{max-width:44vw;white-space:normal;overflow-wrap:break-word}
.balance,.track{width:6rem}.tiles dd.big{font-size:1.35rem}}
@media print{@page{margin:14mm}:root{color-scheme:light}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
body{font-size:10pt}main{max-width:none;padding:0}nav{display:none}.wide{overflow:visible}
details::details-content{content-visibility:visible;block-size:auto}
figure,tr,svg.chart{break-inside:avoid}h2,h3,summary{break-after:avoid}thead{display:table-header-group}
th[scope=row],thead th:first-child{position:static}}
)";

}  // namespace armorm::report::html
