//! Fits the cost model of `edgectl-profile` to published measurements and writes the coefficients into `profiles/`.

mod architecture;
mod measurements;
mod models;
mod worlds;

use anyhow::Result;
use measurements::World;
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) fn run() -> Result<()> {
    let m = measurements::read(Path::new("../shared/latency"))?;
    println!("{} rows, left out {:#?}", m.total, m.left_out);
    let mut all = vec![];
    let only = std::env::args().nth(2).unwrap_or_default();
    for world in [World::Micro, World::Linux, World::Gpu] {
        if !only.is_empty() && !format!("{world:?}").eq_ignore_ascii_case(&only) {
            continue;
        }
        let t = std::time::Instant::now();
        let fit = worlds::fit(world, &m.rows);
        println!("{world:?} {} rows {:?}", fit.rows.len(), t.elapsed());
        let mut by: BTreeMap<String, Vec<&worlds::Row>> = BTreeMap::new();
        for r in &fit.rows {
            if r.measurement.scored {
                by.entry(format!("{} {}", r.measurement.library, r.measurement.dtype.name())).or_default().push(r);
            }
        }
        for (k, v) in by {
            let e: Vec<f64> = v.iter().filter_map(|r| r.left_out.map(|l| l / r.measurement.cycles - 1.0)).collect();
            let f: Vec<f64> = v.iter().map(|r| r.fitted / r.measurement.cycles - 1.0).collect();
            println!("  {k:24} CV {} | fit {}", show(&e), show(&f));
            let mut fam: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
            for r in v {
                if let Some(l) = r.left_out {
                    fam.entry(&r.measurement.family).or_default().push(l / r.measurement.cycles - 1.0);
                }
            }
            println!(
                "       {}",
                fam.iter()
                    .map(|(k, v)| {
                        let mut v = v.clone();
                        v.sort_by(f64::total_cmp);
                        format!("{k}({}):{:+.2}", v.len(), v[v.len() / 2])
                    })
                    .collect::<Vec<_>>()
                    .join(" ")
            );
        }
        let e: Vec<f64> =
            fit.rows.iter().filter(|r| r.measurement.scored).filter_map(|r| r.left_out.map(|l| l / r.measurement.cycles - 1.0)).collect();
        println!("  ALL {}", show(&e));
        all.extend(e);
        if std::env::args().nth(3).is_some() {
            for r in &fit.rows {
                if r.measurement.scored {
                    println!(
                        "    {} {} {} cv {:+.3} fit {:+.3}",
                        r.measurement.id,
                        r.measurement.cell(),
                        r.measurement.family,
                        r.left_out.map_or(f64::NAN, |l| l / r.measurement.cycles - 1.0),
                        r.fitted / r.measurement.cycles - 1.0
                    );
                }
            }
        }
    }
    println!("ALL {}", show(&all));
    Ok(())
}
fn show(e: &[f64]) -> String {
    if e.is_empty() {
        return "none".into();
    }
    let mut a: Vec<f64> = e.iter().map(|x| x.abs()).collect();
    a.sort_by(f64::total_cmp);
    let n = a.len() as f64;
    format!(
        "n={} w10={:.3} w20={:.3} mape={:.3} med={:.3}",
        a.len(),
        a.iter().filter(|x| **x <= 0.1).count() as f64 / n,
        a.iter().filter(|x| **x <= 0.2).count() as f64 / n,
        a.iter().sum::<f64>() / n,
        a[a.len() / 2]
    )
}
