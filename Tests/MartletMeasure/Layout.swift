import MartletStack
import MartletTCP
import MartletWire

/// Prints the size, stride and alignment of each record that exists once for
/// each connection, queue or segment.
func printLayout() {
  print("# record                 size  stride  alignment, in octets, 64-bit")
  line("TCB", MemoryLayout<TCB>.self)
  line("ColdBlock", MemoryLayout<ColdBlock>.self)
  line("EmbryonicTCB", MemoryLayout<EmbryonicTCB>.self)
  line("TimeWaitTCB", MemoryLayout<TimeWaitTCB>.self)
  line("ByteQueue", MemoryLayout<ByteQueue>.self)
  line("IntervalSet", MemoryLayout<IntervalSet>.self)
  line("CongestionController", MemoryLayout<CongestionController>.self)
  line("Segment", MemoryLayout<Segment>.self)
  line("SegmentPlan", MemoryLayout<SegmentPlan>.self)
  line("TCPOptions", MemoryLayout<TCPOptions>.self)
  line("PacketMetadata", MemoryLayout<PacketMetadata>.self)
  forEachRecordLayout(line)
}

private func line<T: ~Copyable>(_ name: StaticString, _ layout: MemoryLayout<T>.Type) {
  line(name, layout.size, layout.stride, layout.alignment)
}

private func line(_ name: StaticString, _ size: Int, _ stride: Int, _ alignment: Int) {
  func column(_ n: Int) -> String {
    String(repeating: " ", count: max(0, 6 - String(n).count)) + String(n)
  }
  let padding = String(repeating: " ", count: max(0, 24 - name.utf8CodeUnitCount))
  print("\(name)\(padding)\(column(size))  \(column(stride))  \(column(alignment))")
}
