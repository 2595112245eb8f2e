import MartletWire

func driveEthernet(_ bytes: RawSpan) throws(Finding) -> Bool {
  guard let view = EthernetHeaderView(validating: bytes) else {
    try expect(bytes.byteCount < EthernetHeader.encodedCount, "only a truncated frame is refused")
    return false
  }
  let header = view.header()
  try expect(view.payload.byteCount == bytes.byteCount - 14, "the payload is the rest of the frame")
  let out = try written(header.encodedCount, "EthernetHeader") { header.write(into: &$0, at: $1) }
  try expect(bytes.extracting(0..<14).isEqual(to: out), "an Ethernet header is written as it was read")
  _ = header.source.description
  _ = (header.source.isUnicast, header.source.isMulticast, header.destination.isBroadcast)
  return true
}

func driveARP(_ bytes: RawSpan) throws(Finding) -> Bool {
  guard let view = ARPPacketView(validating: bytes) else {
    try expect(ARPPacketView.defect(in: bytes) != nil, "a refused ARP packet has a defect")
    return false
  }
  let packet = view.packet()
  let out = try written(packet.encodedCount, "ARPPacket") { packet.write(into: &$0, at: $1) }
  try expect(bytes.extracting(0..<28).isEqual(to: out), "an ARP packet is written as it was read")
  try expect(ARPPacket(parsing: out.span.bytes) == packet, "an ARP packet survives writing")
  return true
}
