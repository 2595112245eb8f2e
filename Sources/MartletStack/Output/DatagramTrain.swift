import MartletTCP
import MartletWire

// Datagrams of one size to one place, the last of them perhaps shorter, queued and handed over as one packet: a device
// that can (USO) cuts it, and one that joins what arrives (GRO) hands such a packet in.

extension InterfaceConfiguration.Offload {
  /// What it takes to hand a train over whole.
  static var trains: InterfaceConfiguration.Offload { [.checksum, .datagramSegmentation] }
}

enum DatagramTrain {
  /// Of a train that a device is to cut: Linux takes 64 (UDP_MAX_SEGMENTS, before 6.9).
  static var mostCars: Int { 64 }

  /// Octets from the front of `rest` that are queued as one.
  ///
  /// - Parameter limit: octets of a train with its header of UDP; 0: there are none.
  static func count(of rest: Int, segmentSize: Int, limit: Int = 0) -> Int {
    guard segmentSize > 0, rest > segmentSize else { return rest }
    let cars = min((limit &- UDPHeader.encodedCount) / segmentSize, mostCars)
    return min(rest, max(cars, 1) &* segmentSize)
  }
}

extension NetworkStack {
  /// The first in the queue is a train: all of it, if the device cuts it, there is room, and its datagrams fit the path;
  /// else one of them.
  @inline(never)
  mutating func nextOfTrain(
    _ header: DatagramHeader, mtu: Int, on interface: Int, into buffer: inout MutableRawSpan
  ) -> OutgoingPacket {
    let headers = header.local.isIPv4 ? IPv4Header.encodedCount : IPv6Header.encodedCount
    let sent = interfaces[interface].datagrams.firstSent
    let fits = headers &+ UDPHeader.encodedCount &+ Int(header.segmentSize) <= mtu
    let isWhole =
      sent == 0 && fits && interfaces[interface].offload.isSuperset(of: .trains)
      && buffer.byteCount >= headers &+ Int(header.count)
    return isWhole
      ? wholeTrain(header, on: interface, into: &buffer) : nextCar(header, on: interface, into: &buffer)
  }

  private mutating func wholeTrain(
    _ header: DatagramHeader, on interface: Int, into buffer: inout MutableRawSpan
  ) -> OutgoingPacket {
    let place = header.writeIP(into: &buffer, hopLimit: configuration.hopLimit(header.hopLimit))
    interfaces[interface].datagrams.copyFirst(
      from: 0, header.count, into: &buffer, at: place, around.pool)
    buffer.store16be(header.pseudoHeader.folded, at: place &+ UDPHeader.checksumOffset)
    let start = place &+ UDPHeader.encodedCount
    noteSent(header, buffer.be64(place))
    let octets = Int(header.count) &- UDPHeader.encodedCount
    let cars = (octets &+ Int(header.segmentSize) &- 1) / Int(header.segmentSize)
    // The last is counted where the queue is done with it.
    counts.udpOutDatagrams &+= UInt64(truncatingIfNeeded: cars &- 1)
    finishFirst(header, on: interface)
    return OutgoingPacket(
      count: place &+ Int(header.count),
      metadata: PacketMetadata(
        checksum: .partial(
          start: UInt16(truncatingIfNeeded: place),
          offset: UInt16(truncatingIfNeeded: UDPHeader.checksumOffset)),
        segmentSize: header.segmentSize, headerCount: UInt16(truncatingIfNeeded: start)))
  }

  /// The queue holds one header of UDP for all of them; each gets its own length and sum.
  private mutating func nextCar(
    _ header: DatagramHeader, on interface: Int, into buffer: inout MutableRawSpan
  ) -> OutgoingPacket {
    let udp = UInt16(truncatingIfNeeded: UDPHeader.encodedCount)
    let sent = interfaces[interface].datagrams.firstSent
    let left = header.count &- udp &- sent
    let octets = min(header.segmentSize, left)
    var car = header
    car.count = octets &+ udp
    let place = car.writeIP(into: &buffer, hopLimit: configuration.hopLimit(header.hopLimit))
    interfaces[interface].datagrams.copyFirst(from: 0, udp, into: &buffer, at: place, around.pool)
    buffer.store16be(car.count, at: place &+ UDPHeader.lengthOffset)
    interfaces[interface].datagrams.copyFirst(
      from: udp &+ sent, octets, into: &buffer, at: place &+ UDPHeader.encodedCount, around.pool)
    car.storeChecksum(buffer.checksum(from: place, count: Int(car.count)), into: &buffer, at: place)
    noteSent(header, buffer.be64(place))
    if octets == left {
      finishFirst(header, on: interface)
    } else {
      counts.udpOutDatagrams &+= 1
      interfaces[interface].datagrams.advanceFirst(by: octets)
    }
    return OutgoingPacket(count: place &+ Int(car.count))
  }

  /// Puts what a packet of UDP brought into a socket's queue: one datagram, or those of a train that a device has joined.
  mutating func queueArrived(
    _ view: borrowing UDPHeaderView, from remote: Endpoint, _ arrival: Arrival, to s: UInt32
  ) {
    let octets = view.payload
    var done = 0
    repeat {
      let count = DatagramTrain.count(
        of: octets.byteCount &- done, segmentSize: Int(arrival.segmentSize))
      let header = DatagramHeader(
        count: UInt16(truncatingIfNeeded: count), proto: .udp, hopLimit: 0, dscp: 0, port: remote.port,
        interface: arrival.interface, local: arrival.destination, remote: remote.address)
      if sockets[s].queue.append(
        header, RawSpan(), octets.extracting(done..<done &+ count),
        limit: configuration.datagramReceiveBuffer,
        &around.pool, &around.budget)
      {
        counts.udpInDatagrams &+= 1
        raise(.readable, ofSocket: s)
      } else {
        sockets[s].drops &+= 1
        counts.drop(.receiveQueueFull)
      }
      done &+= count
    } while done < octets.byteCount
  }
}
