//! The colours of severity are distinguishable for everyone, on light and dark backgrounds.

use dashboards::look::{RISK, SEVERITY};

use crate::generated;

type Linear = [f64; 3];

/// How much red, green and blue each kind of eye sees of red, green and blue (Machado, Oliveira and Fernandes, 2009).
const EYES: [(&str, [Linear; 3]); 4] = [
    ("every colour", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "no red",
        [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
    ),
    (
        "no green",
        [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
    ),
    (
        "no blue",
        [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_900]],
    ),
];

/// The backgrounds of Grafana's panels, light and dark.
const GROUNDS: [&str; 2] = ["#ffffff", "#181b1f"];

fn linear(colour: &str) -> Linear {
    [1, 3, 5].map(|at| {
        let part = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    })
}

fn seen(eye: &[Linear; 3], colour: Linear) -> Linear {
    eye.map(|row| row.iter().zip(colour).map(|(share, part)| share * part).sum::<f64>().clamp(0.0, 1.0))
}

/// CIE Lab, in which distances roughly match perceived differences.
fn lab([red, green, blue]: Linear) -> [f64; 3] {
    let root = |part: f64| if part > 0.008_856 { part.cbrt() } else { 7.787 * part + 16.0 / 116.0 };
    let x = root((0.412_4 * red + 0.357_6 * green + 0.180_5 * blue) / 0.950_47);
    let y = root(0.212_6 * red + 0.715_2 * green + 0.072_2 * blue);
    let z = root((0.019_3 * red + 0.119_2 * green + 0.950_5 * blue) / 1.088_83);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

fn luminance(colour: &str) -> f64 {
    let [r, g, b] = linear(colour);
    0.212_6 * r + 0.715_2 * g + 0.072_2 * b
}

#[test]
fn every_eye_can_distinguish_the_severities() {
    for (eye, matrix) in EYES {
        for (at, (name, colour)) in SEVERITY.iter().enumerate() {
            for (other_name, other) in &SEVERITY[at + 1..] {
                let apart = distance(lab(seen(&matrix, linear(colour))), lab(seen(&matrix, linear(other))));
                assert!(apart > 18.0, "an eye that sees {eye} confuses {name} with {other_name}: {apart:.1}");
            }
        }
    }
}

#[test]
fn every_severity_contrasts_with_the_background() {
    for (name, colour) in SEVERITY {
        for ground in GROUNDS {
            let (a, b) = (luminance(colour) + 0.05, luminance(ground) + 0.05);
            let contrast = a.max(b) / a.min(b);
            let least = if matches!(*name, "critical" | "high") { 3.0 } else { 2.0 };
            assert!(contrast >= least, "{name} on {ground}: {contrast:.2}");
        }
    }
}

#[test]
fn a_name_has_the_same_colour_on_all_dashboards() {
    let expected =
        |name: &str| SEVERITY.iter().chain(RISK).find(|(other, _)| *other == name).map(|(_, colour)| *colour);
    let mut seen = 0;
    for (dashboard, json) in generated::all() {
        for panel in generated::panels(&json) {
            for field in panel["fieldConfig"]["overrides"].as_array().unwrap() {
                let name = field["matcher"]["options"].as_str().unwrap();
                for property in field["properties"].as_array().unwrap() {
                    if let (Some(colour), Some(fixed)) = (expected(name), property["value"]["fixedColor"].as_str()) {
                        assert_eq!(fixed, colour, "{}: {name}", generated::called(&dashboard, panel));
                        seen += 1;
                    }
                }
            }
            // Lines by severity or risk must have those colours.
            for target in panel["targets"].as_array().unwrap() {
                let legend = target["legendFormat"].as_str().unwrap();
                if ["{{severity}}", "{{qds_severity}}", "{{risk_level}}"].contains(&legend) {
                    let coloured = panel["fieldConfig"]["overrides"].to_string().contains("fixedColor");
                    assert!(coloured, "{} has no colours", generated::called(&dashboard, panel));
                }
            }
        }
    }
    assert!(seen > 20);
}
