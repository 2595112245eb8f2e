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

  print("# what one costs, its slot, table entry and timer counted")
  cost("connection, IPv4", Footprint.connection4)
  cost("connection, IPv6", Footprint.connection6)
  cost("half-open, IPv4", Footprint.embryo4)
  cost("half-open, IPv6", Footprint.embryo6)
  cost("TIME-WAIT, IPv4", Footprint.timeWait4)
  cost("TIME-WAIT, IPv6", Footprint.timeWait6)
  cost("cold block", Footprint.coldBlock)
  cost("listener", Footprint.listener)
  cost("datagram socket", Footprint.datagramSocket)
  cost("reply", Footprint.reply)
}

private func line<T: ~Copyable>(_ name: String, _ layout: MemoryLayout<T>.Type) {
  print(padded(name) + column(layout.size) + "  " + column(layout.stride) + "  " + column(layout.alignment))
}

private func cost(_ name: String, _ octets: Int) {
  print(padded(name) + column(octets))
}

private func padded(_ name: String) -> String {
  name + String(repeating: " ", count: max(0, 24 - name.count))
}

private func column(_ n: Int) -> String {
  String(repeating: " ", count: max(0, 6 - String(n).count)) + String(n)
}
