// Panels: a panel's JSON, passed to Grafana's own components. Only the heat map is drawn here.
import {
  DashboardCursorSync, FieldColorModeId, FieldType, PanelPlugin, ThresholdsMode, cacheFieldDisplayNames, dataLinksOverrideProcessor,
  displayNameOverrideProcessor, getDisplayProcessor, getDisplayValueAlignmentFactors, getFieldDisplayName, getFieldDisplayValues,
  identityOverrideProcessor, numberOverrideProcessor, standardFieldConfigEditorRegistry, stringOverrideProcessor,
  thresholdsOverrideProcessor, unitOverrideProcessor, valueMappingsOverrideProcessor,
} from '@grafana/data';
import { VizOrientation } from '@grafana/schema';
import { BigValue, BigValueTextMode, TimeSeries, VizRepeater, useTheme2 } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import React, { useEffect, useRef } from 'react';

const NEEDS_NO_EDITOR = { editor: () => null, override: () => null, shouldApply: () => true, settings: {} };

/** The options that all panels share. */
export function registerStandardOptions() {
  const option = (id, process, defaultValue) => ({ id, path: id, name: id, process, defaultValue, ...NEEDS_NO_EDITOR });
  standardFieldConfigEditorRegistry.setInit(() => [
    option('unit', unitOverrideProcessor),
    option('min', numberOverrideProcessor),
    option('max', numberOverrideProcessor),
    option('decimals', numberOverrideProcessor),
    option('fieldMinMax', identityOverrideProcessor),
    option('displayName', displayNameOverrideProcessor),
    option('noValue', stringOverrideProcessor),
    option('thresholds', thresholdsOverrideProcessor, { mode: ThresholdsMode.Absolute, steps: [{ value: -Infinity, color: 'green' }] }),
    option('mappings', valueMappingsOverrideProcessor, []),
    option('links', dataLinksOverrideProcessor),
    option('color', identityOverrideProcessor),
    option('filterable', identityOverrideProcessor),
    option('description', stringOverrideProcessor),
  ]);
}

/** The options under `custom` for one kind of panel, and their defaults. */
const CUSTOM = {
  timeseries: {
    drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, lineStyle: undefined, fillOpacity: 0, gradientMode: 'none',
    showPoints: 'auto', pointSize: 5, spanNulls: undefined, insertNulls: undefined, axisPlacement: 'auto', axisLabel: undefined,
    axisSoftMin: undefined, axisSoftMax: undefined, axisWidth: undefined, axisGridShow: undefined, axisCenteredZero: undefined,
    axisBorderShow: undefined, axisColorMode: undefined, scaleDistribution: { type: 'linear' }, barAlignment: undefined,
    barWidthFactor: undefined, hideFrom: { tooltip: false, viz: false, legend: false }, stacking: { mode: 'none', group: 'A' },
    thresholdsStyle: { mode: 'off' }, fillBelowTo: undefined, transform: undefined,
  },
  table: {
    cellOptions: { type: 'auto' }, align: 'auto', inspect: false, width: undefined, minWidth: undefined, filterable: undefined,
    hidden: undefined, wrapText: undefined, wrapHeaderText: undefined, footer: undefined, hideFrom: undefined,
  },
  heatmap: { hideFrom: undefined, scaleDistribution: undefined },
  stat: {},
};

function plugin(id, View, colourMode) {
  const panel = new PanelPlugin(View).useFieldConfig({
    standardOptions: { color: { defaultValue: { mode: colourMode }, settings: {} } },
    useCustomConfig: (builder) => {
      for (const [name, defaultValue] of Object.entries(CUSTOM[id])) {
        builder.addCustomEditor({ id: name, path: name, name, process: identityOverrideProcessor, defaultValue, ...NEEDS_NO_EDITOR });
      }
    },
  });
  panel.meta = { id, name: id, module: '', baseUrl: '', info: { version: '', logos: {} } };
  return panel;
}

function NoData({ fieldConfig }) {
  const style = { display: 'flex', height: '100%', alignItems: 'center', justifyContent: 'center', textAlign: 'center' };
  return <div style={style}>{fieldConfig.defaults.noValue ?? 'No data'}</div>;
}

const isEmpty = ({ series }) => series.every((frame) => frame.length === 0);

function Lines(panel) {
  const { data, width, height, timeZone, timeRange, options } = panel;
  if (isEmpty(data)) {
    return <NoData {...panel} />;
  }
  const legend = { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [], ...options.legend };
  return (
    <TimeSeries
      frames={data.series} structureRev={data.structureRev} timeRange={timeRange} timeZone={timeZone} width={width} height={height}
      legend={legend} options={options} cursorSync={DashboardCursorSync.Off}
    />
  );
}

function Numbers(panel) {
  const theme = useTheme2();
  const { data, options, fieldConfig, width, height, replaceVariables, timeZone, renderCounter } = panel;
  const getValues = () => getFieldDisplayValues({
    fieldConfig, reduceOptions: { calcs: ['lastNotNull'], values: false, ...options.reduceOptions }, replaceVariables, theme,
    data: data.series, sparkline: options.graphMode !== 'none', timeZone,
  });
  const { textMode = BigValueTextMode.Auto } = options;
  const isNamed = textMode === BigValueTextMode.Auto && (fieldConfig.defaults.displayName || getValues().length > 1);
  const renderValue = ({ value, width: w, height: h, alignmentFactors, count }) => (
    <BigValue
      value={value.display} count={count} sparkline={value.sparkline} colorMode={options.colorMode} graphMode={options.graphMode}
      justifyMode={options.justifyMode} textMode={isNamed ? BigValueTextMode.ValueAndName : textMode} wideLayout={options.wideLayout}
      alignmentFactors={alignmentFactors} width={w} height={h} theme={theme} text={options.text}
    />
  );
  return (
    <VizRepeater
      getValues={getValues} getAlignmentFactors={getDisplayValueAlignmentFactors} renderValue={renderValue} width={width} height={height}
      source={data} itemSpacing={3} orientation={options.orientation ?? VizOrientation.Auto} autoGrid renderCounter={renderCounter}
    />
  );
}

function Rows(panel) {
  const { data, width, height, options, fieldConfig, timeRange } = panel;
  const [frame] = data.series;
  if (!frame?.length) {
    return <NoData {...panel} />;
  }
  cacheFieldDisplayNames(data.series);
  // The table reserves height for its rows, so there is always room to draw some.
  return (
    <TableNG
      data={frame} width={width} height={height} cellHeight={options.cellHeight} noHeader={options.showHeader === false}
      initialSortBy={options.sortBy} fieldConfig={fieldConfig} structureRev={data.structureRev} timeRange={timeRange}
      enableVirtualization={false}
    />
  );
}

/** A column for each time and a row for each bucket; darker means more. */
function Heat(panel) {
  const { data, width, height, timeRange, fieldConfig } = panel;
  const theme = useTheme2();
  const canvas = useRef(null);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) {
      return;
    }
    const [left, bottom, start, end] = [70, 24, timeRange.from.valueOf(), timeRange.to.valueOf()];
    const rows = data.series.map((frame) => ({
      name: getFieldDisplayName(frame.fields[1], frame, data.series), times: frame.fields[0].values, values: frame.fields[1].values,
    }));
    const most = Math.max(...rows.flatMap((row) => row.values.map((value) => (Number.isFinite(value) ? value : 0))));
    const tall = (height - bottom) / rows.length;
    context.clearRect(0, 0, width, height);
    context.font = '12px Inter';
    context.fillStyle = theme.colors.text.primary;
    const display = getDisplayProcessor({ field: { type: FieldType.number, config: fieldConfig.defaults }, theme });
    rows.forEach((row, index) => {
      const y = height - bottom - (index + 1) * tall;
      const wide = ((row.times[1] - row.times[0]) / (end - start)) * (width - left);
      const bound = Number(row.name);
      context.fillStyle = theme.colors.text.primary;
      context.fillText(Number.isFinite(bound) ? display(bound).text + (display(bound).suffix ?? '') : row.name, 4, y + tall / 2 + 4);
      row.times.forEach((time, at) => {
        const share = row.values[at] / most;
        if (share > 0) {
          context.fillStyle = theme.isDark ? '#5794f2' : '#1f60c4';
          context.globalAlpha = 0.12 + 0.88 * Math.sqrt(share);
          context.fillRect(left + ((time - start) / (end - start)) * (width - left) - wide, y + 1, Math.max(1, wide), tall - 2);
          context.globalAlpha = 1;
        }
      });
    });
    context.fillStyle = theme.colors.text.primary;
    for (let hour = Math.ceil(start / 3_600_000) * 3_600_000; hour < end; hour += Math.ceil((end - start) / 8 / 3_600_000) * 3_600_000) {
      const text = new Date(hour).toISOString().slice(11, 16);
      context.fillText(text, left + ((hour - start) / (end - start)) * (width - left) - 16, height - 6);
    }
  });
  return isEmpty(data) ? <NoData {...panel} /> : <canvas ref={canvas} width={width} height={height} />;
}

export const plugins = {
  timeseries: plugin('timeseries', Lines, FieldColorModeId.PaletteClassic),
  stat: plugin('stat', Numbers, FieldColorModeId.Thresholds),
  table: plugin('table', Rows, FieldColorModeId.Thresholds),
  heatmap: plugin('heatmap', Heat, FieldColorModeId.Thresholds),
};
