// Turns a dashboard's JSON into a scene, like Grafana itself.
import {
  DataSourceVariable, QueryVariable, SceneControlsSpacer, SceneDataTransformer, SceneGridItem, SceneGridLayout, SceneGridRow,
  SceneQueryRunner, SceneTimePicker, SceneTimeRange, SceneVariableSet, VariableValueSelectors, VizPanel,
} from '@grafana/scenes';

import { SETTINGS } from './store.js';

function variableOf(variable) {
  const { name, label, description, hide } = variable;
  const common = { name, label, description, hide, skipUrlSync: true };
  if (variable.type === 'datasource') {
    return new DataSourceVariable({ ...common, pluginId: variable.query, value: SETTINGS.uid, text: SETTINGS.name });
  }
  if (variable.type !== 'query') {
    throw new Error(`variables of type ${variable.type} are not known here`);
  }
  const all = variable.includeAll ? { value: '$__all', text: 'All' } : {};
  return new QueryVariable({
    ...common, ...all, query: variable.query, datasource: variable.datasource, refresh: variable.refresh, regex: variable.regex,
    sort: variable.sort, isMulti: variable.multi, includeAll: variable.includeAll, allValue: variable.allValue || undefined,
    defaultToAll: variable.includeAll,
  });
}

function itemOf(panel) {
  const { x, y, w, h } = panel.gridPos;
  const queries = panel.targets?.length && new SceneQueryRunner({
    datasource: panel.datasource, queries: panel.targets, maxDataPoints: panel.maxDataPoints, minInterval: panel.interval,
  });
  return new SceneGridItem({
    x, y, width: w, height: h, isDraggable: false, isResizable: false,
    body: new VizPanel({
      key: `panel-${panel.id}`, title: panel.title, description: panel.description, pluginId: panel.type, options: panel.options ?? {},
      fieldConfig: panel.fieldConfig ?? { defaults: {}, overrides: [] },
      displayMode: panel.transparent ? 'transparent' : 'default',
      $data: queries ? new SceneDataTransformer({ $data: queries, transformations: panel.transformations ?? [] }) : undefined,
    }),
  });
}

/** Panels below an open row belong to it. */
function childrenOf(panels, expand) {
  const children = [];
  let row;
  for (const panel of panels) {
    if (panel.type !== 'row') {
      const item = itemOf(panel);
      if (row) {
        row.setState({ children: [...row.state.children, item] });
      } else {
        children.push(item);
      }
      continue;
    }
    const inside = (panel.panels ?? []).map(itemOf);
    const made = new SceneGridRow({
      key: `row-${panel.id}`, y: panel.gridPos.y, title: panel.title, isCollapsed: panel.collapsed && !expand, children: inside,
    });
    children.push(made);
    row = panel.collapsed ? undefined : made;
  }
  return children;
}

export function sceneOf(dashboard, { from, to, expand }) {
  return {
    $timeRange: new SceneTimeRange({ from, to, timeZone: 'utc' }),
    $variables: new SceneVariableSet({ variables: dashboard.templating.list.map(variableOf) }),
    controls: [new VariableValueSelectors({}), new SceneControlsSpacer(), new SceneTimePicker({})],
    body: new SceneGridLayout({ isLazy: false, children: childrenOf(dashboard.panels, expand) }),
  };
}
