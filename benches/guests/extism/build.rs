//! A plugin of Extism is a core module, not a component.

fn main() {
    println!("cargo::rustc-link-arg-cdylib=--skip-wit-component");
}
