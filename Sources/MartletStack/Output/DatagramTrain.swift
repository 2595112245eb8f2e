import MartletTCP
import MartletWire

// Datagrams of one size to one place, the last of them perhaps shorter, queued and handed over as one packet: a device
// that can (USO) cuts it. One that joins what arrives (GRO) hands such a packet in: `Input/JoinedDatagrams.swift`.

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
  /// The first in the queue is a train: all of it, if the device cuts it, there is room, its datagrams fit the path, and
  /// nobody has to be looked for first; else one of them, or a fragment of one.
  @inline(never)
  mutating func nextOfTrain(
    _ header: DatagramHeader, mtu: Int, on interface: Int, into buffer: inout MutableRawSpan
  ) -> OutgoingPacket {
    let headers = header.local.isIPv4 ? IPv4Header.encodedCount : IPv6Header.encodedCount
    let sent = interfaces[interface].datagrams.firstSent
    let car = header.car(behind: sent)
    if isCut(car, mtu: mtu, on: interface) {
      return nextFragment(of: car, mtu: mtu, on: interface, into: &buffer)
    }
    let isWhole =
      sent == 0 && interfaces[interface].offload.isSuperset(of: .trains)
      && buffer.byteCount >= headers &+ Int(header.count) && isStationKnown(header.remote, on: interface)
    return isWhole
      ? wholeTrain(header, on: interface, into: &buffer) : nextCar(car, on: interface, into: &buffer)
  }

  private mutating func wholeTrain(
    _ header: DatagramHeader, on interface: Int, into buffer: inout MutableRawSpan
  ) -> OutgoingPacket {
    let place = header.writeIP(into: &buffer, hopLimit: configuration.hopLimit(header.fields.hopLimit))
    let start = place &+ UDPHeader.encodedCount
    let octets = header.count &- UInt16(truncatingIfNeeded: UDPHeader.encodedCount)
    var done: UInt16 = 0
    while done < octets {
      let car = header.car(behind: done)
      let count = car.textCount
      copyUDPHeader(of: car, on: interface, into: &buffer, at: place)
      // Whoever has something to say of it quotes it as the device has cut it, with a sum of its own.
      var sum = interfaces[interface].datagrams.emitFirst(
        from: car.count &- count &+ done, count, into: &buffer, at: start &+ Int(done), around.pool)
      sum.add(buffer.checksum(from: place, count: UDPHeader.encodedCount))
      car.storeChecksum(sum, into: &buffer, at: place)
      noteSent(car, buffer.be64(place))
      done &+= count
      // The last is counted where the queue is done with it.
      if done < octets { counts.udpOutDatagrams &+= 1 }
    }
    copyUDPHeader(of: header, on: interface, into: &buffer, at: place)
    buffer.store16be(header.pseudoHeader.folded, at: place &+ UDPHeader.checksumOffset)
    finishFirst(header, on: interface)
    return OutgoingPacket(
      count: place &+ Int(header.count),
      metadata: PacketMetadata(
        checksum: .partial(
          start: UInt16(truncatingIfNeeded: place),
          offset: UInt16(truncatingIfNeeded: UDPHeader.checksumOffset)),
        segmentSize: header.segmentSize, headerCount: UInt16(truncatingIfNeeded: start)))
  }

  private mutating func nextCar(
    _ car: DatagramHeader, on interface: Int, into buffer: inout MutableRawSpan
  ) -> OutgoingPacket {
    let place = car.writeIP(into: &buffer, hopLimit: configuration.hopLimit(car.fields.hopLimit))
    copyUDPHeader(of: car, on: interface, into: &buffer, at: place)
    let before = interfaces[interface].datagrams.firstSent
    interfaces[interface].datagrams.copyFirst(
      from: car.count &- car.textCount &+ before, car.textCount, into: &buffer,
      at: place &+ UDPHeader.encodedCount, around.pool)
    car.storeChecksum(buffer.checksum(from: place, count: Int(car.count)), into: &buffer, at: place)
    noteSent(car, buffer.be64(place))
    finishCar(car, on: interface)
    return OutgoingPacket(count: place &+ Int(car.count))
  }

  /// The queue holds one header of UDP for all of them; each gets its own length, and then its sum.
  mutating func copyUDPHeader(
    of car: DatagramHeader, on interface: Int, into buffer: inout MutableRawSpan, at place: Int
  ) {
    interfaces[interface].datagrams.copyFirst(
      from: 0, car.count &- car.textCount, into: &buffer, at: place, around.pool)
    buffer.store16be(car.count, at: place &+ UDPHeader.lengthOffset)
  }

  /// A datagram of the first train has left.
  mutating func finishCar(_ car: DatagramHeader, on interface: Int) {
    guard let train = interfaces[interface].datagrams.first(around.pool) else { return }
    if interfaces[interface].datagrams.firstSent &+ car.textCount >= train.textCount {
      return finishFirst(train, on: interface)
    }
    counts.udpOutDatagrams &+= 1
    interfaces[interface].datagrams.advanceFirst(by: car.textCount)
  }
}

extension DatagramHeader {
  /// Of UDP: octets behind its header.
  fileprivate var textCount: UInt16 { count &- UInt16(truncatingIfNeeded: UDPHeader.encodedCount) }

  /// Of a train: its datagram behind so many octets of text.
  fileprivate func car(behind sent: UInt16) -> DatagramHeader {
    var car = self
    car.count = min(segmentSize, textCount &- sent) &+ UInt16(truncatingIfNeeded: UDPHeader.encodedCount)
    return car
  }
}
