-- Classes by smooth weighted round robin: each pick adds to every waiting class its share of the weights and takes 1 from the
-- class with the most credit, which is picked. A weight grows with the age of the class's oldest, up to a bound that keeps any other
-- class from being outweighed without end. Urgent comes first and pays nothing while it may overtake.

local function open_classes(saved, weights, targets, most_ageing, now)
  local classes, oldest, credit = {}, {}, {}
  for class = 1, 4 do
    credit[class] = tonumber(saved[class] or 0)
  end

  -- When the oldest of a class was accepted; nil when none of it may start.
  function classes.set(class, time)
    oldest[class] = time
  end

  function classes.pick(urgent_overtakes)
    if oldest[1] and urgent_overtakes() then
      return 1
    end
    local shares, sum, best = {}, 0, nil
    for class = 1, 4 do
      if oldest[class] then
        shares[class] = weights[class] * math.min(1 + math.max(0, now - oldest[class]) / targets[class], most_ageing)
        sum = sum + shares[class]
      else
        credit[class] = 0
      end
    end
    for class in pairs(shares) do
      shares[class] = shares[class] / sum
    end
    for class = 1, 4 do
      if shares[class] and (not best or credit[class] + shares[class] > credit[best] + shares[best]) then
        best = class
      end
    end
    return best, shares
  end

  function classes.pay(class, shares)
    for each, share in pairs(shares or {}) do
      credit[each] = credit[each] + share - (each == class and 1 or 0)
    end
  end

  function classes.credit(class)
    return credit[class]
  end

  return classes
end
