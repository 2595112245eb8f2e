/// Tells name, size, stride and alignment of each record that the stack keeps once for each
/// connection, half-open entry, TIME-WAIT or listener: what `Documentation/Figures/layout.txt` reviews.
package func forEachRecordLayout(_ body: (StaticString, Int, Int, Int) -> Void) {
  func tell<T>(_ name: StaticString, _ layout: MemoryLayout<T>.Type) {
    body(name, layout.size, layout.stride, layout.alignment)
  }
  tell("Connection", MemoryLayout<Connection>.self)
  tell("Embryo, IPv4", MemoryLayout<Embryo<IPv4FlowKey>>.self)
  tell("Embryo, IPv6", MemoryLayout<Embryo<IPv6FlowKey>>.self)
  tell("Lingering, IPv4", MemoryLayout<Lingering<IPv4FlowKey>>.self)
  tell("Lingering, IPv6", MemoryLayout<Lingering<IPv6FlowKey>>.self)
  tell("IPv6FlowKey", MemoryLayout<IPv6FlowKey>.self)
  tell("FlowEntry", MemoryLayout<FlowEntry>.self)
  tell("Listener", MemoryLayout<Listener>.self)
}
