/** One's own devices, read when shown. */
import { useCallback, useEffect, useState } from 'react';
import type { Device } from '../../../shared/model.ts';
import { devices as words } from '../../i18n/devices.ts';
import { useAsk } from '../../state/use-ask.ts';
import { Problem } from '../../ui/problem.tsx';
import { DeviceList } from './device-list.tsx';

export function OwnDevices() {
  const { ask, error } = useAsk('devices.ofSelf');
  const [devices, setDevices] = useState<readonly Device[] | null>(null);
  const read = useCallback(async () => {
    const result = await ask({});
    if (result.ok) setDevices(result.value);
  }, [ask]);
  useEffect(() => {
    void read();
  }, [read]);
  return (
    <>
      <p className="muted small">{words.ownText}</p>
      {error === null ? null : <Problem error={error} />}
      {devices === null ? null : (
        <DeviceList label={words.ownListLabel} devices={devices} onChanged={() => void read()} />
      )}
    </>
  );
}
